/* One walk over a data set: what the plan wants changed, as a list of edits or written at once. */
#include "element.h"
#include "output.h"

#include <string.h>

#define MAX_TEXT (1u << 20)     /* longest value that is read whole: numbers as text */
#define MAX_UIDS (1u << 16)     /* longest value of UIDs: as much as explicit VR can hold */
#define MAX_ARENA (1u << 28)    /* new bytes of one instance */
#define MAX_ZEROS (1u << 26)    /* longest value that is replaced by zeros */
#define MAX_CREATOR (1u << 16)  /* longest value that may name a private creator: its padding may be anything */
#define MAX_DIRECT (1u << 23)   /* bytes that a rewrite at once may hold */
#define MAX_CHARSET 1024u       /* longest SpecificCharacterSet that anybody follows */
#define LARGEST_HEADER 20u      /* bytes that reading one element's header looks at */

typedef struct {
    uint64_t end;               /* offset behind it; undefined length: the offset nothing inside may pass */
    uint8_t kind, undefined, reset, disorder;
    ef_encoding enc;
    uint32_t highest;           /* tag so far, in a data set */
    int64_t patch;              /* its length field: EF_PATCH edit, or offset in what is written at once; -1: none */
    uint64_t written;           /* bytes written at once before its content */
    uint64_t charset_at;        /* value of SpecificCharacterSet that holds here, its own or that around */
    uint32_t charset_len;
    uint64_t path;              /* ef_path of the sequences around it */
    int64_t row;                /* its row where it has an undefined length and rows are kept, or -1 */
    size_t tags;                /* where its tags start on the tag stack */
    size_t creators;            /* where its private creators start on the creator stack */
} frame;

typedef struct { uint16_t group; uint8_t block; int16_t creator; } creator_slot;

/* UIDs come again and again: of the study, of the images that every contour names. */
typedef struct { uint8_t old_len, new_len; uint8_t old[64]; char new[72]; } mapped_uid;
#define MAPPED 64

typedef struct {
    ef_input *in;
    const ef_matcher *m;
    ef_edits *out;
    ef_rows *trace;             /* or NULL */
    ef_output *direct;          /* what is written at once, in place of edits; or NULL */
    uint64_t copied;            /* direct: the input up to here stands in the output, or was replaced there */
    uint64_t written;           /* direct: bytes of the output so far, ranges too */
    uint64_t fresh;             /* direct: of them new values */
    uint64_t last_value;        /* direct: bytes of the value that the last change wrote; 0: there is none */
    uint8_t *to;                /* room that new_bytes gave */
    ef_error *err;
    const ef_override *override, *override_end;     /* the next one, and behind the last */
    uint64_t pos;
    frame stack[2 * EF_MAX_DEPTH + 2];
    int top;                    /* index of the current frame */
    int depth;                  /* nested sequences around pos */
    uint32_t *tags; size_t n_tags, cap_tags;
    creator_slot *creators; size_t n_creators, cap_creators;
    uint32_t next_insert;
    mapped_uid mapped[MAPPED];
} walk;

/* ---- edits ------------------------------------------------------------------------------------------------------- */

static ef_edit *add_edit(walk *w, int kind, const element *e, int verb, int32_t rule)
{
    ef_edits *o = w->out;
    if (o->n == o->cap) {
        size_t cap = o->cap ? 2 * o->cap : 64;
        ef_edit *grown = realloc(o->v, cap * sizeof *grown);
        if (!grown) { fail(w->err, EF_NO_MEMORY, e->tag, e->vr, e->at); return NULL; }
        o->v = grown;
        o->cap = cap;
    }
    ef_edit *x = &o->v[o->n++];
    x->new_at = x->new_len = x->end = x->old_len = 0;
    x->tag = e->tag;
    x->vr = e->match_vr;
    x->kind = (uint8_t)kind;
    x->verb = (uint8_t)verb;
    x->depth = (uint8_t)w->depth;
    x->rule = rule;
    x->begin = e->at;
    x->at = kind == EF_SET || kind == EF_WAIT ? e->length_at : e->at;
    x->size = kind == EF_INSERT ? 0 : e->end - x->at;
    x->value_at = e->value_at;
    x->value_size = e->end - e->value_at;
    x->length_size = e->length_size;
    x->big_endian = w->stack[w->top].enc.big_endian;
    if (kind != EF_DROP && kind != EF_PATCH) o->effective++;
    return x;
}

/* What was read and not yet written, up to `at`, goes into the output. */
static int emit(walk *w, uint64_t at)
{
    if (at == w->copied) return EF_OK;
    int status = add_range(w->in, w->direct, w->copied, at - w->copied);
    /* Many pieces short of a range: with a list of edits, what lies unchanged between them is one. */
    if (!status && w->direct->len > MAX_DIRECT) status = EF_TWO_STEPS;
    if (status) return fail(w->err, status, 0, 0, w->copied);
    w->written += at - w->copied;
    w->copied = at;
    return EF_OK;
}

static int cut(walk *w, const element *e, int verb, int32_t rule)
{
    if (!w->direct) return add_edit(w, EF_CUT, e, verb, rule) ? EF_OK : w->err->status;
    int status = emit(w, e->at);
    w->copied = e->end;
    w->direct->effective++;
    w->last_value = 0;
    return status;
}

/* A value that the caller gives: nothing that could be written at once. */
static int wait_for(walk *w, const element *e, int verb, int32_t rule)
{
    if (w->direct) return EF_TWO_STEPS;
    ef_edit *x = add_edit(w, EF_WAIT, e, verb, rule);
    if (!x) return w->err->status;
    x->charset_at = w->stack[w->top].charset_at;
    x->new_len = w->stack[w->top].charset_len;
    return EF_OK;
}

/* Room in w->to for a length field and a value of at most n bytes in its place; NULL: w->err says why. Moves the window. */
static uint8_t *new_bytes(walk *w, const element *e, size_t n)
{
    ef_edits *o = w->out;
    n += e->length_size + 1u;
    if (w->direct) {
        if (emit(w, e->length_at)) return NULL;
        if (w->fresh + n > MAX_ARENA) { fail(w->err, EF_VALUE_TOO_LONG, 0, 0, w->pos); return NULL; }
        if (!(w->to = room(w->direct, n))) fail(w->err, EF_NO_MEMORY, e->tag, e->vr, e->at);
        return w->to;
    }
    if (o->arena_cap - o->arena_len < n) {
        size_t cap = o->arena_cap ? o->arena_cap : 4096;
        while (cap - o->arena_len < n) cap *= 2;
        if (cap > MAX_ARENA) { fail(w->err, EF_VALUE_TOO_LONG, 0, 0, w->pos); return NULL; }
        uint8_t *grown = realloc(o->arena, cap);
        if (!grown) { fail(w->err, EF_NO_MEMORY, e->tag, e->vr, e->at); return NULL; }
        o->arena = grown;
        o->arena_cap = cap;
    }
    return w->to = o->arena + o->arena_len;
}

/* The element's value becomes the `n` bytes that stand in w->to behind room for the length field. */
static int set_value(walk *w, const element *e, int verb, int32_t rule, size_t n, int pad)
{
    uint8_t *to = w->to;
    int be = w->stack[w->top].enc.big_endian;
    if (n % 2) to[e->length_size + n++] = (uint8_t)pad;
    if (e->length_size == 2 ? n > 0xFFFF : n >= EF_UNDEFINED) return fail(w->err, EF_VALUE_TOO_LONG, e->tag, e->vr, e->length_at);
    if (n == e->length && n <= 64) {            /* the same bytes again are no edit */
        const uint8_t *old = ef_at(w->in, e->value_at, n);
        if (!old) return fail(w->err, EF_IO, e->tag, e->vr, e->value_at);
        if (!memcmp(old, to + e->length_size, n)) return EF_OK;
    }
    put_length(to, (uint32_t)n, e->length_size, be);
    w->last_value = n;
    n += e->length_size;
    if (w->direct) {
        w->direct->len += n;
        w->written += n;
        w->fresh += n;
        w->copied = e->end;
        w->direct->effective++;
        return EF_OK;
    }
    ef_edit *x = add_edit(w, EF_SET, e, verb, rule);
    if (!x) return w->err->status;
    x->new_at = (uint32_t)w->out->arena_len;
    x->new_len = (uint32_t)n;
    w->out->arena_len += n;
    return EF_OK;
}

static int set_empty(walk *w, const element *e, int verb, int32_t rule)
{
    if (e->length == 0) return EF_OK;
    if (!new_bytes(w, e, 0)) return w->err->status;
    return set_value(w, e, verb, rule, 0, 0);
}

/* out: room for 72. */
static size_t map_uid(walk *w, const uint8_t *uid, size_t n, char *out)
{
    if (n > sizeof w->mapped[0].old) return ef_uid_map(&w->m->uid, uid, n, out);
    uint32_t h = 2166136261u;
    for (size_t i = n > 12 ? n - 12 : 0; i < n; i++) h = (h ^ uid[i]) * 16777619u;       /* UIDs differ at their ends */
    mapped_uid *known = &w->mapped[(h ^ h >> 15) % MAPPED];
    if (known->old_len != n || memcmp(known->old, uid, n)) {
        known->old_len = (uint8_t)n;
        memcpy(known->old, uid, n);
        known->new_len = (uint8_t)ef_uid_map(&w->m->uid, uid, n, known->new);
    }
    memcpy(out, known->new, sizeof known->new);
    return known->new_len;
}

/* Each UID of the value replaced by its keyed image; registered ones stay. */
static int set_uids(walk *w, const element *e, int verb, int32_t rule)
{
    if (e->length == 0) return EF_OK;
    if (e->length > MAX_UIDS) return fail(w->err, EF_VALUE_TOO_LONG, e->tag, e->vr, e->length_at);
    const uint8_t *value = ef_at(w->in, e->value_at, e->length);
    if (!value) return fail(w->err, EF_IO, e->tag, e->vr, e->value_at);
    size_t n = 0, values = 1;
    for (uint32_t i = 0; i < e->length; i++) values += value[i] == '\\';
    uint8_t *to = new_bytes(w, e, e->length + 72 * values);
    if (!to) return w->err->status;
    if (!(value = ef_at(w->in, e->value_at, e->length))) return fail(w->err, EF_IO, e->tag, e->vr, e->value_at);
    to += e->length_size;
    for (uint32_t i = 0, j; ; i = j + 1) {
        for (j = i; j < e->length && value[j] != '\\';) j++;
        uint32_t a = i, b = j;
        while (b > a && (value[b - 1] == 0 || value[b - 1] == ' ')) b--;
        while (a < b && value[a] == ' ') a++;
        if (ef_is_registered(w->m->facts, value + a, b - a)) { memcpy(to + n, value + a, b - a); n += b - a; }
        else if (b > a) n += map_uid(w, value + a, b - a, (char *)to + n);
        if (j >= e->length) break;
        to[n++] = '\\';
    }
    return set_value(w, e, verb, rule, n, 0);
}

/* Whether a UID is a valid value of the VR: PS3.5 Table 6.2-1. */
static int holds_uid(uint16_t vr)
{
    switch (vr) {
    case EF_VR('U', 'I'): case EF_VR('U', 'N'): case EF_VR('L', 'O'): case EF_VR('L', 'T'): case EF_VR('S', 'H'):
    case EF_VR('S', 'T'): case EF_VR('U', 'C'): case EF_VR('U', 'T'):
        return 1;
    }
    return 0;
}

static const ef_placeholder *placeholder_of(const ef_facts *f, uint16_t vr)
{
    int i = ef_vr_index(vr);
    return i >= 0 && f->placeholder[i].vr ? &f->placeholder[i] : NULL;
}

static int set_placeholder(walk *w, const element *e, int32_t rule)
{
    const ef_placeholder *ph = placeholder_of(w->m->facts, e->match_vr);
    if (e->tag == CHARACTER_SET && e->match_vr == EF_VR('C', 'S')) return EF_OK;       /* what is kept is read by it */
    if (!ph || ph->kind == EF_PH_EMPTY) return set_empty(w, e, EF_RESET, rule);
    if (ph->kind == EF_PH_UID)
        return ef_is_standard(w->m->facts, e->tag) ? EF_OK : set_uids(w, e, EF_RESET, rule);
    if (e->length > (ph->kind == EF_PH_ZEROS ? MAX_ZEROS : ph->kind == EF_PH_REPEAT ? MAX_TEXT : EF_UNDEFINED))
        return fail(w->err, EF_VALUE_TOO_LONG, e->tag, e->vr, e->length_at);
    if (ph->kind == EF_PH_ZEROS) {
        uint8_t *to = new_bytes(w, e, e->length);
        if (!to) return w->err->status;
        memset(to + e->length_size, 0, e->length);
        return set_value(w, e, EF_RESET, rule, e->length, 0);
    }
    size_t values = 1;
    if (ph->kind == EF_PH_REPEAT && e->length) {
        const uint8_t *value = ef_at(w->in, e->value_at, e->length);
        if (!value) return fail(w->err, EF_IO, e->tag, e->vr, e->value_at);
        for (uint32_t i = 0; i < e->length; i++) values += value[i] == '\\';
    }
    uint8_t *to = new_bytes(w, e, values * (ph->len + 1u) + sizeof ph->text);
    if (!to) return w->err->status;
    size_t n = 0;
    to += e->length_size;
    for (size_t i = 0; i < values; i++) {
        if (i) to[n++] = '\\';
        memcpy(to + n, ph->text, sizeof ph->text);     /* all of it: a copy of known size takes two instructions */
        n += ph->len;
    }
    return set_value(w, e, EF_RESET, rule, n, ' ');
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

static int push(walk *w, int kind, uint64_t end, int undefined, ef_encoding enc, int reset, int64_t patch, uint64_t path)
{
    frame *f = &w->stack[++w->top];
    f->charset_at = w->top ? f[-1].charset_at : 0;      /* PS3.5 §6.1.2.3 */
    f->charset_len = w->top ? f[-1].charset_len : 0;
    f->end = end;
    f->kind = (uint8_t)kind;
    f->undefined = (uint8_t)undefined;
    f->reset = (uint8_t)reset;
    f->disorder = 0;
    f->enc = enc;
    f->highest = 0;
    f->patch = patch;
    f->written = w->written;
    f->path = path;
    f->row = undefined && w->trace ? (int64_t)w->trace->n - 1 : -1;
    f->tags = w->n_tags;
    f->creators = w->n_creators;
    return EF_OK;
}

static int by_tag(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static int pop(walk *w)
{
    frame *f = &w->stack[w->top];
    if (f->disorder) {              /* ascending tags cannot repeat; others are sorted to see */
        qsort(w->tags + f->tags, w->n_tags - f->tags, sizeof *w->tags, by_tag);
        for (size_t i = f->tags + 1; i < w->n_tags; i++)
            if (w->tags[i] == w->tags[i - 1]) return fail(w->err, EF_DUPLICATE_TAG, w->tags[i], 0, w->pos);
    }
    w->n_tags = f->tags;
    w->n_creators = f->creators;
    if (f->patch >= 0 && w->direct) {
        uint64_t length = w->written + (w->pos - w->copied) - f->written;
        if (length >= EF_UNDEFINED) return fail(w->err, EF_VALUE_TOO_LONG, 0, 0, w->pos);
        put_length(w->direct->bytes + f->patch, (uint32_t)length, 4, w->stack[w->top - 1].enc.big_endian);
    } else if (f->patch >= 0) {
        if ((size_t)f->patch + 1 == w->out->n) w->out->n--;        /* nothing inside changed */
        else w->out->v[f->patch].end = (uint32_t)w->out->n;
    }
    if (f->row >= 0) w->trace->v[f->row].size = w->pos - 8 - w->trace->v[f->row].value_at;
    if (f->kind == SEQUENCE) w->depth--;
    w->top--;
    return EF_OK;
}

/* For the length field of a sequence or item of defined length: an edit in front of those inside it, or four bytes. */
static int64_t open_patch(walk *w, uint64_t length_at, uint32_t length, const element *e)
{
    if (w->direct) {
        static const uint8_t later[4];
        int64_t at;
        if (emit(w, length_at)) return -1;
        at = (int64_t)w->direct->len;
        if (add_new(w->direct, later, 4)) { fail(w->err, EF_NO_MEMORY, e->tag, e->vr, e->at); return -1; }
        w->copied += 4;
        w->written += 4;
        return at;
    }
    element field = *e;
    field.length_size = 4;
    field.at = field.length_at = length_at;
    field.value_at = field.end = length_at + 4;
    ef_edit *x = add_edit(w, EF_PATCH, &field, EF_RECURSE, -2);
    if (!x) return -1;
    x->old_len = length;
    return (int64_t)w->out->n - 1;
}

static int enter(walk *w, const element *e, uint64_t limit, int reset)
{
    if (e->length == 0) { w->pos = e->end; return EF_OK; }
    if (w->depth >= EF_MAX_DEPTH) return fail(w->err, EF_TOO_DEEP, e->tag, e->vr, e->at);
    int64_t patch = -1;
    if (e->end && (patch = open_patch(w, e->length_at, e->length, e)) < 0) return w->err->status;
    w->depth++;
    w->pos = e->value_at;
    return push(w, SEQUENCE, e->end ? e->end : limit, !e->end, e->inside, reset, patch, ef_path(w->stack[w->top].path, e->tag));
}

/* The decision somebody made for what starts at `at`, or NULL. */
static const ef_override *override_at(walk *w, uint64_t at)
{
    while (w->override < w->override_end && w->override->at < at) w->override++;      /* what went with what holds it */
    return w->override < w->override_end && w->override->at == at ? w->override : NULL;
}

static int next_item(walk *w, frame *f)
{
    uint32_t tag, length;
    int status;
    if (!f->undefined && w->pos == f->end) return pop(w);
    if ((status = read_item(w->in, f->enc, w->pos, f->end, &tag, &length, w->err))) return status;
    if (tag == ITEM_END || (tag == SEQUENCE_END && !f->undefined)) return fail(w->err, EF_BAD_ITEM, tag, 0, w->pos);
    uint64_t at = w->pos;
    w->pos += 8;
    if (tag == SEQUENCE_END) return pop(w);
    int undefined = length == EF_UNDEFINED;
    element e = {.at = at, .tag = ITEM, .value_at = w->pos, .end = undefined ? 0 : w->pos + length};
    const ef_override *given = override_at(w, at);
    if (given && given->verb == EF_DELETE) {
        if (undefined && (status = skip_nested(w->in, w->m->facts, DATA_SET, f->enc, f->end, &w->pos, w->err))) return status;
        if (!undefined) w->pos = e.end;
        e.end = w->pos;
        if (w->trace && (status = add_row(w->trace, &e, w->depth, EF_DELETE, given->rule, w->err))) return status;
        if (w->trace && undefined) w->trace->v[w->trace->n - 1].size -= 8;
        return cut(w, &e, EF_DELETE, given->rule);
    }
    if (w->trace && (status = add_row(w->trace, &e, w->depth, EF_RECURSE, -3, w->err))) return status;
    int64_t patch = -1;
    if (!undefined && (patch = open_patch(w, at + 4, length, &e)) < 0) return w->err->status;
    return push(w, DATA_SET, undefined ? f->end : e.end, undefined, f->enc, f->reset, patch, f->path);
}

/* ---- one element ------------------------------------------------------------------------------------------------- */

static int note_tag(walk *w, frame *f, const element *e)
{
    if (w->n_tags > f->tags) {
        if (e->tag == f->highest) return fail(w->err, EF_DUPLICATE_TAG, e->tag, e->vr, e->at);
        if (e->tag < f->highest) f->disorder = 1;
    }
    if (e->tag > f->highest) f->highest = e->tag;
    if (w->n_tags == w->cap_tags) {
        size_t cap = w->cap_tags ? 2 * w->cap_tags : 512;
        uint32_t *grown = realloc(w->tags, cap * sizeof *grown);
        if (!grown) return fail(w->err, EF_NO_MEMORY, e->tag, e->vr, e->at);
        w->tags = grown;
        w->cap_tags = cap;
    }
    w->tags[w->n_tags++] = e->tag;
    return EF_OK;
}

/* Remembers which block of a private group belongs to a creator the plan knows; *creator: of this element, or -1. */
static int private_creator(walk *w, frame *f, const element *e, int32_t *creator, int *is_creator)
{
    *creator = -1;
    *is_creator = 0;
    if (!w->m->n_creators || !(e->tag & 0x10000)) return EF_OK;
    uint16_t group = (uint16_t)(e->tag >> 16), number = (uint16_t)e->tag;
    if (number < 0x1000) {                      /* PS3.5 §7.8.1: elements 0x10-0xFF reserve blocks */
        if (number < 0x10 || number > 0xFF || e->sequence || e->length > MAX_CREATOR) return EF_OK;
        const uint8_t *v = ef_at(w->in, e->value_at, e->length);
        if (!v) return fail(w->err, EF_IO, e->tag, e->vr, e->value_at);
        uint32_t n = e->length;
        while (n && v[n - 1] <= ' ') n--;           /* blanks, and what else shows nothing: line ends */
        while (n && *v <= ' ') { v++; n--; }
        for (uint32_t c = 0; c < w->m->n_creators; c++) {
            if (strlen(w->m->creators[c]) != n || memcmp(w->m->creators[c], v, n)) continue;
            /* Elements of its block may have passed under another rule already. */
            if (e->tag < f->highest) return fail(w->err, EF_ELEMENT_ORDER, e->tag, e->vr, e->at);
            if (w->n_creators == w->cap_creators) {
                size_t cap = w->cap_creators ? 2 * w->cap_creators : 64;
                creator_slot *grown = realloc(w->creators, cap * sizeof *grown);
                if (!grown) return fail(w->err, EF_NO_MEMORY, e->tag, e->vr, e->at);
                w->creators = grown;
                w->cap_creators = cap;
            }
            w->creators[w->n_creators++] = (creator_slot){group, (uint8_t)number, (int16_t)c};
            *creator = (int32_t)c;
            *is_creator = 1;
            return EF_OK;
        }
        return EF_OK;
    }
    /* Late creators are refused, so the slots of a data set ascend. */
    size_t lo = f->creators, hi = w->n_creators;
    uint32_t wanted = (uint32_t)group << 8 | number >> 8;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const creator_slot *slot = &w->creators[mid];
        uint32_t key = (uint32_t)slot->group << 8 | slot->block;
        if (key == wanted) { *creator = slot->creator; break; }
        if (key < wanted) lo = mid + 1; else hi = mid;
    }
    return EF_OK;
}

static int32_t decide(walk *w, const element *e, int32_t creator, int is_creator, int *verb)
{
    int32_t rule = ef_match(w->m, e->tag, e->match_vr, is_creator ? -1 : creator);
    if (is_creator) {
        int32_t keep = ef_match_creator(w->m, e->tag, creator);
        if (keep >= 0 && (rule < 0 || keep < rule)) { *verb = EF_KEEP; return keep; }
    }
    *verb = rule < 0 ? w->m->default_verb
        : w->depth ? ef_nested_verb(w->m, w->stack[w->top].path, rule) : w->m->rules[rule].root;
    return rule;
}

static int insert_before(walk *w, uint32_t tag, uint64_t at)
{
    for (; w->next_insert < w->m->n_inserts && w->m->inserts[w->next_insert].tag <= tag; w->next_insert++) {
        const ef_insert *i = &w->m->inserts[w->next_insert];
        element e = {.at = at, .value_at = at, .end = at, .tag = i->tag};
        if (w->direct) {
            int status = emit(w, at);
            if (!status && add_new(w->direct, i->bytes, i->len)) status = fail(w->err, EF_NO_MEMORY, e.tag, 0, at);
            if (status) return status;
            w->written += i->len;
            w->direct->effective++;
            continue;
        }
        ef_edit *x = add_edit(w, EF_INSERT, &e, EF_RESET, -2);
        if (!x) return w->err->status;
        x->new_at = w->next_insert;
    }
    return EF_OK;
}

static int is_inserted(const ef_matcher *m, uint32_t tag)
{
    for (uint32_t i = 0; i < m->n_inserts; i++)
        if (m->inserts[i].tag == tag) return 1;
    return 0;
}

/* Applies the verb; leaves w->pos behind the element, or inside it when it is entered (then e->end may stay 0). */
static int apply(walk *w, element *e, uint64_t limit, int verb, int32_t rule, int reset)
{
    int status;
    if (verb == EF_KEEP && rule == -1 && e->sequence) verb = EF_RECURSE;       /* PS3.15 §E.1.1: rules hold at every depth */
    if (verb == EF_RECURSE || verb == EF_RESET) {
        if (e->sequence) return enter(w, e, limit, reset || verb == EF_RESET);
        if (verb == EF_RECURSE && e->length) return fail(w->err, EF_VR_MISMATCH, e->tag, e->match_vr, e->at);
    }
    if ((status = find_end(w->in, w->m->facts, e, limit, w->err))) return status;
    w->pos = e->end;
    switch (verb) {
    case EF_DELETE:
        return cut(w, e, verb, rule);
    case EF_REMOVE:
        return set_empty(w, e, verb, rule);
    case EF_RESET:
        return set_placeholder(w, e, rule);
    case EF_REGEN_UID:
        if (e->sequence) return fail(w->err, EF_VR_MISMATCH, e->tag, e->match_vr, e->at);
        if (e->match_vr == VR_UI && ef_is_standard(w->m->facts, e->tag)) return EF_OK;   /* by attribute, not by value alone */
        if (e->length && !holds_uid(e->match_vr)) return fail(w->err, EF_VR_MISMATCH, e->tag, e->match_vr, e->at);
        return set_uids(w, e, verb, rule);
    case EF_SHIFT_DATE:
        if (e->sequence) return fail(w->err, EF_VR_MISMATCH, e->tag, e->match_vr, e->at);
        if (e->length == 0) return EF_OK;
        return wait_for(w, e, verb, rule);
    case EF_CLEAN_TEXT:
    case EF_CLEAN_IMAGE:
        return wait_for(w, e, verb, rule);
    }
    return EF_OK;
}

/* Whether anybody's words may stand in a value: PS3.5 Table 6.2-1. */
static int holds_text(uint16_t vr)
{
    switch (vr) {
    case EF_VR('A', 'E'): case EF_VR('C', 'S'): case EF_VR('L', 'O'): case EF_VR('L', 'T'): case EF_VR('P', 'N'): case EF_VR('S', 'H'):
    case EF_VR('S', 'T'): case EF_VR('U', 'C'): case EF_VR('U', 'R'): case EF_VR('U', 'T'):
        return 1;
    }
    return 0;
}

/* Text, or a name, under a tag that the dictionary has for something else. */
static int is_other_text(const ef_facts *f, const element *e)
{
    if (!holds_text(e->match_vr)) return 0;
    uint16_t known = ef_dict_vr(f, e->tag);
    return known != VR_UN && known != e->match_vr && (e->match_vr == EF_VR('P', 'N') || !holds_text(known));
}

/* A group length goes if anything else is edited, which can be told at once only where something is or will be. */
static int group_length(walk *w, const element *e)
{
    if (!w->direct) return add_edit(w, EF_DROP, e, EF_DELETE, -2) ? EF_OK : w->err->status;
    if (!w->direct->effective && !w->m->n_inserts) return EF_TWO_STEPS;
    int status = emit(w, e->at);
    w->copied = e->end;
    return status;
}

/* Remembers where the value of a watched root element that ends at w->pos stands. */
static void watch(walk *w, const element *e, size_t before)
{
    ef_watch *v = w->direct ? w->direct->watch : w->out->watch;
    uint32_t n = w->direct ? w->direct->n_watch : w->out->n_watch;
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].tag != e->tag || w->pos != e->end) continue;
        if (!w->direct) {
            v[i] = (ef_watch){e->tag, 1, 0, w->out->n > before ? (int64_t)before : -1, e->value_at, e->end - e->value_at};
        } else if (w->direct->effective == before) {
            v[i] = (ef_watch){e->tag, 1, 0, -1, e->value_at, e->end - e->value_at};
        } else {
            /* Written last, or cut. */
            uint64_t size = w->last_value;
            v[i] = (ef_watch){e->tag, size != 0, 1, -1, w->direct->len - size, size};
        }
    }
}

static int next_element(walk *w, frame *f)
{
    element e;
    int status, verb, is_creator;
    int32_t creator, rule;
    if (!f->undefined && w->pos == f->end) return pop(w);
    if (f->undefined) {
        int ended;
        if ((status = item_end(w->in, f->enc, f->end, &w->pos, &ended, w->err))) return status;
        if (ended) return pop(w);
    }
    if ((status = read_header(w->in, w->m->facts, f->enc, w->pos, f->end, &e, w->err))) return status;
    if ((status = note_tag(w, f, &e))) return status;
    /* A sequence under another VR would pass as one opaque value, with all it holds. */
    if (!e.sequence && e.length && ef_dict_is_sq(w->m->facts, e.tag))
        return fail(w->err, EF_VR_MISMATCH, e.tag, e.vr, e.at);
    uint64_t limit = f->end;
    int root = w->top == 0, reset = f->reset;
    if (e.tag == CHARACTER_SET && e.length <= MAX_CHARSET && !e.sequence) {
        f->charset_at = e.value_at;
        f->charset_len = e.length;
    }
    if (root && w->next_insert < w->m->n_inserts && (status = insert_before(w, e.tag, e.at))) return status;
    size_t before = w->direct ? w->direct->effective : w->out->n;
    if ((e.tag & 0xFFFF) == 0) {                /* group length: PS3.5 §7.2, retired */
        /* Rules do not reach it, so that it may be nothing else. */
        if (e.sequence || e.match_vr != EF_VR('U', 'L') || e.length != 4) return fail(w->err, EF_VR_MISMATCH, e.tag, e.vr, e.at);
        w->pos = e.end;
        return group_length(w, &e);
    }
    if (root && w->m->n_inserts && is_inserted(w->m, e.tag)) {
        rule = -2;
        verb = EF_DELETE;
    } else {
        const ef_override *given = override_at(w, e.at);
        if ((status = private_creator(w, f, &e, &creator, &is_creator))) return status;
        rule = decide(w, &e, creator, is_creator, &verb);
        if (given) { rule = given->rule; verb = given->verb; }
        if (reset && !((e.tag & 0x10000) && verb == EF_DELETE)) verb = EF_RESET;
        if (verb == EF_KEEP && rule >= 0 && (uint32_t)rule < w->m->n_rules && w->m->rules[rule].as_attribute
            && is_other_text(w->m->facts, &e)) verb = EF_RESET;
    }
    /* Kept whole because of what its tag should hold, a sequence would take everything it does hold along. */
    if (verb == EF_KEEP && rule != -1 && e.sequence && e.length) {
        uint16_t known = ef_dict_vr(w->m->facts, e.tag);
        if (known != VR_SQ && known != VR_UN) return fail(w->err, EF_VR_MISMATCH, e.tag, e.vr, e.at);
    }
    /* The row stands in front of those of what is inside; how far the element reaches may be known only behind. */
    int64_t row = -1;
    if (w->trace) {
        row = (int64_t)w->trace->n;
        if ((status = add_row(w->trace, &e, w->depth, verb, rule, w->err))) return status;
    }
    int entered = w->top;
    if ((status = apply(w, &e, limit, verb, rule, reset))) return status;
    if (row >= 0 && w->top == entered && e.end)
        w->trace->v[row].size = e.end - e.value_at - (e.length_size == 4 && e.length == EF_UNDEFINED ? 8 : 0);
    if (root) watch(w, &e, before);
    return EF_OK;
}

static int run(walk *w, ef_input *in, uint64_t start, ef_encoding enc, const ef_matcher *m, const ef_override *overrides,
               size_t n_overrides, ef_error *err)
{
    int status = EF_OK;
    memset(err, 0, sizeof *err);
    w->in = in; w->m = m; w->err = err;
    w->override = overrides; w->override_end = n_overrides ? overrides + n_overrides : overrides;
    w->pos = w->copied = start; w->top = -1; w->depth = 0; w->next_insert = 0;
    w->written = w->fresh = 0;
    w->tags = NULL; w->n_tags = w->cap_tags = 0;
    w->creators = NULL; w->n_creators = w->cap_creators = 0;
    for (int i = 0; i < MAPPED; i++) w->mapped[i].old_len = 0;
    push(w, DATA_SET, in->size, 0, enc, 0, -1, EF_ROOT_PATH);
    if (enc.implicit && in->size - start >= 8) {
        /* Two letters of a VR where implicit VR has a length: other readers would take this for explicit VR. */
        const uint8_t *p = ef_at(in, start, 8);
        if (!p) status = fail(err, EF_IO, 0, 0, start);
        else if (length_bytes(EF_VR(p[4], p[5]))) status = fail(err, EF_BAD_VR, u16(p, 0) << 16 | u16(p + 2, 0), EF_VR(p[4], p[5]), start + 4);
    }
    while (w->top >= 0 && !status) {
        frame *f = &w->stack[w->top];
        if (w->top == 0 && w->pos == f->end && (status = insert_before(w, 0xFFFFFFFFu, w->pos))) break;
        /* What the window holds is written before the window moves on. */
        if (w->direct && w->pos + LARGEST_HEADER > in->win_at + in->win_len && (status = emit(w, w->pos))) break;
        status = f->kind == SEQUENCE ? next_item(w, f) : next_element(w, f);
    }
    free(w->tags);
    free(w->creators);
    return status;
}

int ef_scan(ef_input *in, uint64_t start, ef_encoding enc, const ef_matcher *m, const ef_override *overrides, size_t n_overrides,
            ef_edits *out, ef_rows *trace, ef_error *err)
{
    walk *w = malloc(sizeof *w);
    out->n = out->arena_len = out->effective = 0;
    out->start = start;
    out->n_watch = m->n_watch;
    for (uint32_t i = 0; i < m->n_watch; i++) out->watch[i] = (ef_watch){m->watch[i], 0, 0, -1, 0, 0};
    if (!w) return fail(err, EF_NO_MEMORY, 0, 0, 0);
    w->out = out; w->direct = NULL; w->trace = trace;
    int status = run(w, in, start, enc, m, overrides, n_overrides, err);
    free(w);
    return status;
}

int ef_rewrite(ef_input *in, uint64_t start, ef_encoding enc, const ef_matcher *m, const ef_override *overrides, size_t n_overrides,
               ef_output *out, ef_error *err)
{
    ef_output_clear(out);
    out->n_watch = m->n_watch;
    for (uint32_t i = 0; i < m->n_watch; i++) out->watch[i] = (ef_watch){m->watch[i], 0, 0, -1, 0, 0};
    if (m->waits) return EF_TWO_STEPS;
    walk *w = malloc(sizeof *w);
    if (!w) return fail(err, EF_NO_MEMORY, 0, 0, 0);
    w->out = NULL; w->direct = out; w->trace = NULL;
    int status = run(w, in, start, enc, m, overrides, n_overrides, err);
    if (!status) status = emit(w, in->size);
    if (!status && seal(out)) status = fail(err, EF_NO_MEMORY, 0, 0, in->size);
    free(w);
    return status;
}

void ef_edits_free(ef_edits *e)
{
    free(e->v);
    free(e->arena);
    memset(e, 0, sizeof *e);
}
