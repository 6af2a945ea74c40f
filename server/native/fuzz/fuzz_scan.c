/* Any bytes through the whole core: meta, scan, splice, capture; from memory and through a small window.
 *
 * What must hold, whatever the bytes are: no error of memory or arithmetic (the sanitizers see to that), both ways of
 * reading give the same answer, a plan without rules changes nothing, what comes out can be read again, and no
 * position points behind the input. A broken promise aborts.
 */
#include "../core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof *(a)))
#define VR(s) EF_VR((s)[0], (s)[1])
#define PROMISE(what) do { if (!(what)) { fprintf(stderr, "broken: %s (line %d)\n", #what, __LINE__); abort(); } } while (0)

static const struct { uint32_t tag; char vr[3]; } DICTIONARY[] = {
    {0x00080005, "CS"}, {0x00080016, "UI"}, {0x00080018, "UI"}, {0x00080020, "DA"}, {0x00081030, "LO"},
    {0x00081115, "SQ"}, {0x00081140, "SQ"}, {0x00081150, "UI"}, {0x00081155, "UI"}, {0x00100010, "PN"},
    {0x00180050, "DS"}, {0x0020000D, "UI"}, {0x0020000E, "UI"}, {0x00200013, "IS"}, {0x00209221, "SQ"},
    {0x00280010, "US"}, {0x00400275, "SQ"}, {0x0040A160, "UT"}, {0x0040A730, "SQ"}, {0x00420011, "OB"},
    {0x52009229, "SQ"}, {0x52009230, "SQ"}, {0x7FE00010, "OW"},
};

static const struct { char vr[3]; uint8_t kind; const char *text; } PLACEHOLDERS[] = {
    {"CS", EF_PH_TEXT, "PLACEHOLDER"}, {"LO", EF_PH_TEXT, "PLACEHOLDER"}, {"PN", EF_PH_TEXT, "PLACEHOLDER"},
    {"UR", EF_PH_TEXT, "http://placeholder.invalid"}, {"DA", EF_PH_TEXT, "19000101"}, {"DS", EF_PH_REPEAT, "0"},
    {"IS", EF_PH_REPEAT, "0"}, {"US", EF_PH_ZEROS, ""}, {"FD", EF_PH_ZEROS, ""}, {"AT", EF_PH_ZEROS, ""},
    {"UI", EF_PH_UID, ""}, {"OB", EF_PH_EMPTY, ""}, {"OW", EF_PH_EMPTY, ""}, {"UN", EF_PH_EMPTY, ""},
};

typedef struct { uint32_t tag, mask; const char *vr, *creator; uint8_t verb; } rule;

#define ALL 0xFFFFFFFFu
static const rule NOTHING[] = {{0x00000001, ALL, "", "", EF_KEEP}};
static const rule UIDS[] = {{0, 0, "UI", "", EF_REGEN_UID}, {0x00010000, 0x00010000, "", "", EF_DELETE}};
static const rule TEXTS[] = {
    {0x00100010, ALL, "", "", EF_CLEAN_TEXT}, {0, 0, "LO", "", EF_DELETE}, {0, 0, "DS", "", EF_REMOVE},
    {0x00081140, ALL, "", "", EF_RESET}, {0x0040A730, ALL, "", "", EF_RECURSE}, {0, 0, "UI", "", EF_RESET},
};
static const rule PRIVATES[] = {
    {0x00190008, 0xFFFF00FF, "", "SIEMENS CSA HEADER", EF_REMOVE}, {0x00090001, 0xFFFF00FF, "", "GEMS_IDEN_01", EF_RESET},
    {0x60000000, 0xFF010000, "", "", EF_DELETE}, {0x00010000, 0x00010000, "", "", EF_DELETE},
};
static const rule SEQUENCES[] = {{0x00081115, ALL, "", "", EF_DELETE}, {0, 0, "SQ", "", EF_REMOVE}};

static const struct { const rule *rules; uint32_t n; uint8_t fallback; int inserts, calm; } PLANS[] = {
    {NOTHING, COUNT(NOTHING), EF_KEEP, 0, 1}, {UIDS, COUNT(UIDS), EF_KEEP, 1, 0}, {TEXTS, COUNT(TEXTS), EF_KEEP, 1, 0},
    {PRIVATES, COUNT(PRIVATES), EF_KEEP, 0, 0}, {SEQUENCES, COUNT(SEQUENCES), EF_KEEP, 1, 0},
    {UIDS, COUNT(UIDS), EF_RESET, 0, 0}, {TEXTS, COUNT(TEXTS), EF_DELETE, 1, 0}, {NOTHING, COUNT(NOTHING), EF_REMOVE, 1, 0},
};

static ef_facts facts;
static ef_matcher matchers[COUNT(PLANS)][3];    /* per encoding: implicit, explicit, big endian explicit */
static const ef_encoding ENCODINGS[3] = {{1, 0}, {0, 0}, {0, 1}};

static void *checked(void *p)
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
    facts.masked = checked(calloc(1, sizeof *facts.masked));
    facts.masked[0] = (ef_masked_vr){0x60003000, 0xFF01FFFF, EF_VR('O', 'W')};
    facts.n_masked = 1;
    facts.standard = checked(calloc(2, sizeof *facts.standard));
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
    uint8_t *bytes = checked(malloc(12));
    int swap = ENCODINGS[encoding].big_endian;
    memcpy(bytes, element[encoding], 12);
    for (int i = 0; i < 2; i++) {
        bytes[i ^ swap] = (uint8_t)(tag >> (16 + 8 * i));
        bytes[2 + (i ^ swap)] = (uint8_t)(tag >> (8 * i));
    }
    return (ef_insert){tag, 12, bytes};
}

static void make_matcher(ef_matcher *m, uint32_t plan, int encoding)
{
    static const uint32_t watched[] = {0x00080016, 0x00080018, 0x0020000D, 0x0020000E};
    uint32_t n = PLANS[plan].n;
    m->facts = &facts;
    m->rules = checked(calloc(n, sizeof *m->rules));
    m->creators = checked(calloc(n, sizeof *m->creators));
    m->n_rules = n;
    for (uint32_t i = 0; i < n; i++) {
        const rule *r = &PLANS[plan].rules[i];
        int16_t creator = -1;
        uint16_t vr = 0;
        if (r->vr[0]) vr = VR(r->vr);
        if (r->creator[0]) {
            size_t length = strlen(r->creator) + 1;
            creator = (int16_t)m->n_creators;
            m->creators[m->n_creators] = checked(malloc(length));
            memcpy(m->creators[m->n_creators++], r->creator, length);
        }
        m->rules[i] = (ef_rule){r->tag, r->mask, vr, creator, r->verb, r->verb};
    }
    m->default_verb = PLANS[plan].fallback;
    m->inserts = checked(calloc(2, sizeof *m->inserts));
    if (PLANS[plan].inserts) {
        m->inserts[m->n_inserts++] = make_insert(0x00120062, encoding);
        m->inserts[m->n_inserts++] = make_insert(0x00280303, encoding);
    }
    memcpy(m->watch, watched, sizeof watched);
    m->n_watch = COUNT(watched);
    ef_uid_key_init(&m->uid, (const uint8_t *)"0123456789abcdef0123456789abcdef", 32, "2.25.", 5);
    if (ef_matcher_index(m)) exit(2);
}

static void start(void)
{
    static int started;
    if (started) return;
    started = 1;
    make_facts();
    for (uint32_t plan = 0; plan < COUNT(PLANS); plan++)
        for (int encoding = 0; encoding < 3; encoding++) make_matcher(&matchers[plan][encoding], plan, encoding);
}

typedef struct { const uint8_t *data; size_t size; } bytes;

static int fetch(void *ctx, uint64_t at, uint8_t *to, size_t n)
{
    const bytes *all = ctx;
    PROMISE(at <= all->size && n <= all->size - at);
    memcpy(to, all->data + at, n);
    return 0;
}

/* Scans and splices; on EF_OK *out is the new data set, to be freed. */
static int rewrite(ef_input *in, uint64_t at, ef_encoding enc, const ef_matcher *m, bytes whole, bytes *out, size_t *effective)
{
    ef_edits edits;
    ef_output result;
    ef_error err;
    memset(&edits, 0, sizeof edits);
    memset(&result, 0, sizeof result);
    memset(&err, 0, sizeof err);
    int status = ef_scan(in, at, enc, m, &edits, &err);
    PROMISE(status == EF_OK || (status == err.status && err.at <= whole.size));
    if (status == EF_OK) {
        ef_value *values = checked(calloc(edits.n + 1, sizeof *values));
        for (size_t i = 0; i < edits.n; i++) {
            PROMISE(edits.v[i].at <= whole.size && edits.v[i].size <= whole.size - edits.v[i].at);
            PROMISE(edits.v[i].value_at <= whole.size && edits.v[i].value_size <= whole.size - edits.v[i].value_at);
            if (edits.v[i].kind == EF_WAIT) values[i] = (ef_value){(const uint8_t *)"cleaned", 7};
        }
        status = ef_splice(in, &edits, m, values, &result, &err);
        free(values);
    }
    if (status == EF_OK) {
        size_t size = 0, done = 0;
        for (size_t i = 0; i < result.n_seg; i++) {
            size_t room = result.seg[i].is_new ? result.len : whole.size;
            PROMISE(result.seg[i].at <= room && result.seg[i].len <= room - result.seg[i].at);
            size += (size_t)result.seg[i].len;
        }
        uint8_t *joined = checked(malloc(size + 1));
        for (size_t i = 0; i < result.n_seg; i++) {
            const uint8_t *from = result.seg[i].is_new ? result.bytes : whole.data;
            memcpy(joined + done, from + result.seg[i].at, (size_t)result.seg[i].len);
            done += (size_t)result.seg[i].len;
        }
        *out = (bytes){joined, size};
        *effective = edits.effective;
    }
    ef_output_free(&result);
    ef_edits_free(&edits);
    return status;
}

static int encoding_of(const uint8_t *data, const ef_meta *meta)
{
    const char *syntax = (const char *)data + meta->ts_at;
    size_t n = meta->ts_len;
    while (n && (syntax[n - 1] == 0 || syntax[n - 1] == ' ')) n--;
    if (n == 17 && !memcmp(syntax, "1.2.840.10008.1.2", 17)) return 0;
    return n == 19 && !memcmp(syntax, "1.2.840.10008.1.2.2", 19) ? 2 : 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t captured[] = {0x00080016, 0x00080018, 0x00100010, 0x0020000D, 0x7FE00010};
    bytes whole = {data, size}, plain, windowed, again;
    size_t effective = 0, other = 0;
    ef_input memory, file;
    ef_meta meta;
    ef_error err;
    start();
    uint32_t choice = 2166136261u;
    for (size_t i = 0; i < size; i += 1 + size / 64) choice = (choice ^ data[i]) * 16777619u;
    memset(&meta, 0, sizeof meta);
    memset(&err, 0, sizeof err);
    ef_input_memory(&memory, data, size);
    ef_input_fetch(&file, size, fetch, &whole, 1 + choice % 97);
    int status = ef_read_meta(&memory, &meta, &err), encoding;
    PROMISE(status == EF_OK || err.at <= size);
    if (status == EF_OK) {
        PROMISE(meta.start <= size && meta.ts_at + meta.ts_len <= size && meta.class_at + meta.class_len <= size);
        encoding = encoding_of(data, &meta);
    } else {
        meta.start = size > 200 ? 132 + choice % 64 : 0;
        encoding = (int)(choice / 7 % 3);
    }
    uint32_t plan = choice / 1024 % COUNT(PLANS);
    const ef_matcher *m = &matchers[plan][encoding];
    ef_encoding enc = ENCODINGS[encoding];
    status = rewrite(&memory, meta.start, enc, m, whole, &plain, &effective);
    PROMISE(rewrite(&file, meta.start, enc, m, whole, &windowed, &other) == status);
    if (status == EF_OK) {
        PROMISE(plain.size == windowed.size && !memcmp(plain.data, windowed.data, plain.size) && effective == other);
        if (PLANS[plan].calm) {
            PROMISE(!effective && plain.size == size - meta.start);
            PROMISE(!memcmp(plain.data, data + meta.start, plain.size));
        }
        ef_input produced;
        ef_input_memory(&produced, plain.data, plain.size);
        PROMISE(rewrite(&produced, 0, enc, &matchers[0][encoding], plain, &again, &effective) == EF_OK);
        PROMISE(again.size == plain.size && !memcmp(again.data, plain.data, plain.size));
        free((void *)again.data);
        free((void *)windowed.data);
        free((void *)plain.data);
        ef_input_free(&produced);
    }
    ef_captured found[COUNT(captured)];
    uint32_t n = 0;
    if (ef_capture(&memory, meta.start, enc, &facts, captured, COUNT(captured), found, &n, &err) == EF_OK)
        for (uint32_t i = 0; i < n; i++) PROMISE(found[i].at <= size && found[i].size <= size - found[i].at);
    ef_input_free(&file);
    ef_input_free(&memory);
    return 0;
}
