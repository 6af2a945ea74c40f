/* Facts and plans of the fuzz targets. */
#include "world.h"

#define VR(s) EF_VR((s)[0], (s)[1])

static const struct { uint32_t tag; char vr[3]; } DICTIONARY[] = {
    {0x00080005, "CS"}, {0x00080016, "UI"}, {0x00080018, "UI"}, {0x00080020, "DA"}, {0x00081030, "LO"},
    {0x00081115, "SQ"}, {0x00081140, "SQ"}, {0x00081150, "UI"}, {0x00081155, "UI"}, {0x00100010, "PN"},
    {0x00180050, "DS"}, {0x0020000D, "UI"}, {0x0020000E, "UI"}, {0x00200013, "IS"}, {0x00209221, "SQ"},
    {0x00280010, "US"}, {0x00400275, "SQ"}, {0x0040A160, "UT"}, {0x0040A730, "SQ"}, {0x00420011, "OB"},
    {0x00209111, "SQ"}, {0x00189074, "DT"}, {0x00080012, "DA"}, {0x00080030, "TM"}, {0x0040A121, "DA"},
    {0x52009229, "SQ"}, {0x52009230, "SQ"}, {0x7FE00010, "OW"},
};

static const struct { char vr[3]; uint8_t kind; const char *text; } PLACEHOLDERS[] = {
    {"CS", EF_PH_TEXT, "PLACEHOLDER"}, {"LO", EF_PH_TEXT, "PLACEHOLDER"}, {"PN", EF_PH_TEXT, "PLACEHOLDER"},
    {"UR", EF_PH_TEXT, "http://placeholder.invalid"}, {"DA", EF_PH_TEXT, "19000101"}, {"DS", EF_PH_REPEAT, "0"},
    {"IS", EF_PH_REPEAT, "0"}, {"US", EF_PH_ZEROS, ""}, {"FD", EF_PH_ZEROS, ""}, {"AT", EF_PH_ZEROS, ""},
    {"UI", EF_PH_UID, ""}, {"OB", EF_PH_EMPTY, ""}, {"OW", EF_PH_EMPTY, ""}, {"UN", EF_PH_EMPTY, ""},
};

typedef struct { uint32_t tag, mask; const char *vr, *creator; uint8_t verb, nested; } rule;

#define ALL 0xFFFFFFFFu
static const rule NOTHING[] = {{0x00000001, ALL, "", "", EF_KEEP, EF_KEEP}};
static const rule UIDS[] = {{0, 0, "UI", "", EF_REGEN_UID, EF_REGEN_UID}, {0x00010000, 0x00010000, "", "", EF_DELETE, EF_DELETE}};
static const rule TEXTS[] = {
    {0x00100010, ALL, "", "", EF_CLEAN_TEXT, EF_CLEAN_TEXT}, {0, 0, "LO", "", EF_DELETE, EF_CLEAN_TEXT},
    {0, 0, "DS", "", EF_REMOVE, EF_KEEP}, {0x00081140, ALL, "", "", EF_RESET, EF_RESET},
    {0x0040A730, ALL, "", "", EF_RECURSE, EF_RECURSE}, {0, 0, "UI", "", EF_RESET, EF_REGEN_UID},
};
static const rule PRIVATES[] = {
    {0x00190008, 0xFFFF00FF, "", "SIEMENS CSA HEADER", EF_REMOVE, EF_KEEP}, {0x00090001, 0xFFFF00FF, "", "GEMS_IDEN_01", EF_RESET, EF_RESET},
    {0x00290000, 0xFFFF0000, "", "SYNTH CSA HEADER", EF_KEEP, EF_KEEP},
    {0x60000000, 0xFF010000, "", "", EF_DELETE, EF_DELETE}, {0x00010000, 0x00010000, "", "", EF_DELETE, EF_DELETE},
};
static const rule SEQUENCES[] = {{0x00081115, ALL, "", "", EF_DELETE, EF_REMOVE}, {0, 0, "SQ", "", EF_REMOVE, EF_DELETE}};
/* Values that wait for the caller, at every depth. */
static const rule DATES[] = {
    {0, 0, "DA", "", EF_SHIFT_DATE, EF_SHIFT_DATE}, {0, 0, "DT", "", EF_SHIFT_DATE, EF_SHIFT_DATE},
    {0, 0, "PN", "", EF_CLEAN_TEXT, EF_CLEAN_TEXT}, {0, 0, "UT", "", EF_CLEAN_TEXT, EF_CLEAN_TEXT},
    {0x7FE00010, ALL, "", "", EF_CLEAN_IMAGE, EF_DELETE}, {0, 0, "IS", "", EF_RESET, EF_RESET},
};
/* Verbs by the path of sequences around an element. */
static const rule PATHS[] = {
    {0x00081155, ALL, "", "", EF_REGEN_UID, EF_REMOVE}, {0x00080100, ALL, "", "", EF_DELETE, EF_DELETE},
    {0x0040A730, ALL, "", "", EF_RECURSE, EF_RECURSE}, {0x0040A160, ALL, "", "", EF_RESET, EF_DELETE},
    {0x00080020, ALL, "", "", EF_KEEP, EF_KEEP}, {0x00081030, ALL, "", "", EF_KEEP, EF_KEEP},
};
static const struct { uint32_t outer, inner, rule; uint8_t verb; } NESTED[] = {
    {0x00081140, 0, 0, EF_REGEN_UID}, {0x00081115, 0x00081140, 0, EF_RESET}, {0x0040A730, 0, 3, EF_RESET},
    {0x0040A730, 0x0040A730, 3, EF_KEEP}, {0x00400275, 0, 1, EF_REMOVE}, {0x00081110, 0, 0, EF_DELETE},
};

static const struct { const rule *rules; uint32_t n; uint8_t fallback; int inserts, calm, nested, md5; } PLANS[N_PLANS] = {
    {NOTHING, COUNT(NOTHING), EF_KEEP, 0, 1, 0, 0},
    {UIDS, COUNT(UIDS), EF_KEEP, 1, 0, 0, 0},
    {TEXTS, COUNT(TEXTS), EF_KEEP, 1, 0, 0, 0},
    {PRIVATES, COUNT(PRIVATES), EF_KEEP, 0, 0, 0, 0},
    {SEQUENCES, COUNT(SEQUENCES), EF_KEEP, 1, 0, 0, 0},
    {UIDS, COUNT(UIDS), EF_RESET, 0, 0, 0, 1},
    {TEXTS, COUNT(TEXTS), EF_DELETE, 1, 0, 0, 0},
    {NOTHING, COUNT(NOTHING), EF_REMOVE, 1, 0, 0, 0},
    {DATES, COUNT(DATES), EF_KEEP, 1, 0, 0, 0},
    {PATHS, COUNT(PATHS), EF_KEEP, 0, 0, 1, 0},
};

static ef_facts facts;
static ef_matcher matchers[N_PLANS][3];    /* per encoding: implicit, explicit, big endian explicit */
static const ef_encoding ENCODINGS[3] = {{1, 0}, {0, 0}, {0, 1}};

void *world_checked(void *p)
{
    if (!p) exit(2);
    return p;
}

static void make_facts(void)
{
    static const char registered[] = "1.2.840.10008.1.1\0001.2.840.10008.1.2\0001.2.840.10008.5.1.4.1.1.2";
    uint32_t tags[COUNT(DICTIONARY)];
    uint16_t vrs[COUNT(DICTIONARY)];
    for (uint32_t i = 0; i < COUNT(DICTIONARY); i++) {
        tags[i] = DICTIONARY[i].tag;
        vrs[i] = VR(DICTIONARY[i].vr);
    }
    if (ef_facts_dict(&facts, tags, vrs, COUNT(DICTIONARY)) || ef_facts_uids(&facts, registered, sizeof registered)) exit(2);
    facts.masked = world_checked(calloc(1, sizeof *facts.masked));
    facts.masked[0] = (ef_masked_vr){0x60003000, 0xFF01FFFF, EF_VR('O', 'W')};
    facts.n_masked = 1;
    facts.standard = world_checked(calloc(2, sizeof *facts.standard));
    facts.standard[0] = 0x00080016;
    facts.standard[1] = 0x00081150;
    facts.n_standard = 2;
    for (uint32_t i = 0; i < COUNT(PLACEHOLDERS); i++) {
        ef_placeholder *p = &facts.placeholder[ef_vr_index(VR(PLACEHOLDERS[i].vr))];
        p->vr = VR(PLACEHOLDERS[i].vr);
        p->kind = PLACEHOLDERS[i].kind;
        p->len = (uint8_t)strlen(PLACEHOLDERS[i].text);
        memcpy(p->text, PLACEHOLDERS[i].text, p->len);
    }
}

/* An inserted CS "YES " in one of the three encodings. */
static ef_insert make_insert(uint32_t tag, int encoding)
{
    uint8_t element[3][12] = {
        {0, 0, 0, 0, 4, 0, 0, 0, 'Y', 'E', 'S', ' '},
        {0, 0, 0, 0, 'C', 'S', 4, 0, 'Y', 'E', 'S', ' '},
        {0, 0, 0, 0, 'C', 'S', 0, 4, 'Y', 'E', 'S', ' '},
    };
    uint8_t *made = world_checked(malloc(12));
    int swap = ENCODINGS[encoding].big_endian;
    memcpy(made, element[encoding], 12);
    for (int i = 0; i < 2; i++) {
        made[i ^ swap] = (uint8_t)(tag >> (16 + 8 * i));
        made[2 + (i ^ swap)] = (uint8_t)(tag >> (8 * i));
    }
    return (ef_insert){tag, 12, made};
}

static void make_matcher(ef_matcher *m, uint32_t plan, int encoding)
{
    static const uint32_t watched[] = {0x00080016, 0x00080018, 0x0020000D, 0x0020000E};
    uint32_t n = PLANS[plan].n;
    m->facts = &facts;
    m->rules = world_checked(calloc(n, sizeof *m->rules));
    m->creators = world_checked(calloc(n, sizeof *m->creators));
    m->n_rules = n;
    for (uint32_t i = 0; i < n; i++) {
        const rule *r = &PLANS[plan].rules[i];
        int16_t creator = -1;
        uint16_t vr = 0;
        if (r->vr[0]) vr = VR(r->vr);
        if (r->creator[0]) {
            size_t length = strlen(r->creator) + 1;
            creator = (int16_t)m->n_creators;
            m->creators[m->n_creators] = world_checked(malloc(length));
            memcpy(m->creators[m->n_creators++], r->creator, length);
        }
        m->rules[i] = (ef_rule){r->tag, r->mask, vr, creator, r->verb, r->nested, 0, r->verb == EF_KEEP && !r->creator[0]};
    }
    m->default_verb = PLANS[plan].fallback;
    m->inserts = world_checked(calloc(2, sizeof *m->inserts));
    if (PLANS[plan].inserts) {
        m->inserts[m->n_inserts++] = make_insert(0x00120062, encoding);
        m->inserts[m->n_inserts++] = make_insert(0x00280303, encoding);
    }
    memcpy(m->watch, watched, sizeof watched);
    m->n_watch = COUNT(watched);
    ef_uid_key_init(&m->uid, (const uint8_t *)"0123456789abcdef0123456789abcdef", 32, "2.25.", 5);
    if (PLANS[plan].md5) ef_uid_key_md5(&m->uid, "1.2.3.", 6);
    if (PLANS[plan].nested) {
        m->nested = world_checked(calloc(COUNT(NESTED), sizeof *m->nested));
        m->n_nested = COUNT(NESTED);
        for (uint32_t i = 0; i < COUNT(NESTED); i++) {
            uint64_t path = ef_path(EF_ROOT_PATH, NESTED[i].outer);
            if (NESTED[i].inner) path = ef_path(path, NESTED[i].inner);
            m->nested[i] = (ef_nested){path, NESTED[i].rule, NESTED[i].verb};
        }
    }
    if (ef_matcher_index(m)) exit(2);
}

static void start(void)
{
    static int started;
    if (started) return;
    started = 1;
    make_facts();
    for (uint32_t plan = 0; plan < N_PLANS; plan++)
        for (int encoding = 0; encoding < 3; encoding++) make_matcher(&matchers[plan][encoding], plan, encoding);
}

const ef_facts *world_facts(void)
{
    start();
    return &facts;
}

const ef_matcher *world_calm(int encoding)
{
    start();
    return &matchers[0][encoding];
}

static int encoding_of(const uint8_t *data, const ef_meta *meta)
{
    const char *syntax = (const char *)data + meta->ts_at;
    size_t n = meta->ts_len;
    while (n && (syntax[n - 1] == 0 || syntax[n - 1] == ' ')) n--;
    if (n == 17 && !memcmp(syntax, "1.2.840.10008.1.2", 17)) return 0;
    return n == 19 && !memcmp(syntax, "1.2.840.10008.1.2.2", 19) ? 2 : 1;
}

choice world_choose(const uint8_t *data, size_t size)
{
    uint8_t chosen[8] = {0};
    choice c;
    ef_meta meta;
    ef_error err;
    ef_input memory;
    start();
    memset(&c, 0, sizeof c);
    memset(&meta, 0, sizeof meta);
    memset(&err, 0, sizeof err);
    memcpy(chosen, data, size < 8 ? size : 8);
    c.whole = (bytes){data, size};
    ef_input_memory(&memory, data, size);
    if (ef_read_meta(&memory, &meta, &err) == EF_OK) {
        PROMISE(meta.start <= size && meta.ts_at + meta.ts_len <= size && meta.class_at + meta.class_len <= size);
        c.start = meta.start;
        c.encoding = encoding_of(data, &meta);
    } else {
        PROMISE(err.at <= size);
        c.start = size > 8 ? 8 : size;
        c.encoding = chosen[1] % 3;
    }
    ef_input_free(&memory);
    c.enc = ENCODINGS[c.encoding];
    c.plan = chosen[0] % N_PLANS;
    c.m = &matchers[c.plan][c.encoding];
    c.calm = PLANS[c.plan].calm;
    c.window = 1 + chosen[2];
    c.dice = 2166136261u;
    for (int i = 3; i < 8; i++) c.dice = (c.dice ^ chosen[i]) * 16777619u;
    return c;
}

uint32_t world_draw(choice *c, uint32_t below)
{
    c->dice = c->dice * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(c->dice ^ c->dice >> 16) * below >> 32);
}

static int fetch(void *ctx, uint64_t at, uint8_t *to, size_t n)
{
    const bytes *all = ctx;
    PROMISE(at <= all->size && n <= all->size - at);
    if (n) memcpy(to, all->data + at, n);
    return 0;
}

void world_window(ef_input *in, choice *c, int narrow)
{
    ef_input_fetch(in, c->whole.size, fetch, &c->whole, c->window);
    if (narrow) in->ahead_most = c->window;
}

bytes world_join(const ef_output *out, bytes whole)
{
    size_t size = 0, done = 0;
    for (size_t i = 0; i < out->n_seg; i++) {
        size_t room = out->seg[i].is_new ? out->len : whole.size;
        PROMISE(out->seg[i].at <= room && out->seg[i].len <= room - out->seg[i].at);
        size += (size_t)out->seg[i].len;
    }
    uint8_t *joined = world_checked(malloc(size + 1));
    for (size_t i = 0; i < out->n_seg; i++) {
        const uint8_t *from = out->seg[i].is_new ? out->bytes : whole.data;
        memcpy(joined + done, from + out->seg[i].at, (size_t)out->seg[i].len);
        done += (size_t)out->seg[i].len;
    }
    return (bytes){joined, size};
}

ef_override *world_overrides(choice *c, const ef_rows *rows, size_t *n)
{
    static const uint8_t verbs[] = {EF_KEEP, EF_DELETE, EF_REMOVE, EF_RESET, EF_DELETE};
    ef_override *given = world_checked(calloc(rows->n + 1, sizeof *given));
    uint32_t every = 1 + world_draw(c, 24);
    *n = 0;
    for (size_t i = 0; i < rows->n; i++) {
        if (world_draw(c, every)) continue;
        uint8_t verb = rows->v[i].tag == 0xFFFEE000u ? EF_DELETE : verbs[world_draw(c, COUNT(verbs))];
        given[(*n)++] = (ef_override){rows->v[i].at, verb, 1000 + (int32_t)i};
    }
    return given;
}

int64_t world_row(const ef_rows *rows, uint64_t at)
{
    size_t lo = 0, hi = rows->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (rows->v[mid].at < at) lo = mid + 1; else hi = mid;
    }
    return lo < rows->n && rows->v[lo].at == at ? (int64_t)lo : -1;
}
