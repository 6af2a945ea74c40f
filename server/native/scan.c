/* One walk over a data set: what the plan wants changed, as a list of edits. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

#define TAG(g, e) ((uint32_t)(g) << 16 | (e))
#define ITEM TAG(0xFFFE, 0xE000)
#define ITEM_END TAG(0xFFFE, 0xE00D)
#define SEQUENCE_END TAG(0xFFFE, 0xE0DD)
#define PIXEL_DATA TAG(0x7FE0, 0x0010)
#define CHARACTER_SET TAG(0x0008, 0x0005)
#define VR_SQ EF_VR('S', 'Q')
#define VR_UN EF_VR('U', 'N')
#define VR_UI EF_VR('U', 'I')
#define MAX_TEXT (1u << 20)     /* longest value that is read whole: numbers as text */
#define MAX_UIDS (1u << 16)     /* longest value of UIDs: as much as explicit VR can hold */
#define MAX_ARENA (1u << 28)    /* new bytes of one instance */
#define MAX_ZEROS (1u << 26)    /* longest value that is replaced by zeros */

enum frame_kind { DATA_SET, SEQUENCE };

typedef struct {
    uint64_t end;               /* offset behind it; undefined length: the offset nothing inside may pass */
    uint8_t kind, undefined, reset, disorder;
    ef_encoding enc;
    uint32_t highest;           /* tag so far, in a data set */
    int64_t patch;              /* EF_PATCH edit of its length field, or -1 */
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

typedef struct {
    uint64_t at, length_at, value_at, end;
    uint32_t tag, length;
    uint16_t vr;                /* as encoded, or by the dictionary in implicit VR */
    uint16_t match_vr;          /* the dictionary's for UN */
    uint8_t length_size, sequence;
    ef_encoding inside;         /* encoding of its items */
} element;

static int fail(ef_error *err, int status, uint32_t tag, uint16_t vr, uint64_t at)
{
    err->status = status;
    err->tag = tag;
    err->vr = vr;
    err->at = at;
    return status;
}

static int beyond(ef_input *in, ef_error *err, uint64_t limit, uint32_t tag, uint16_t vr, uint64_t at)
{
    return fail(err, limit == in->size ? EF_TRUNCATED : EF_BAD_LENGTH, tag, vr, at);
}

static uint32_t u16(const uint8_t *p, int be) { return be ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0]; }

static uint32_t u32(const uint8_t *p, int be)
{
    return be ? u16(p, 1) << 16 | u16(p + 2, 1) : u16(p + 2, 0) << 16 | u16(p, 0);
}

#define AT(a, b) [(a - 'A') * 26 + (b - 'A')]
static const uint8_t length_field[26 * 26] = {
    AT('A', 'E') = 2, AT('A', 'S') = 2, AT('A', 'T') = 2, AT('C', 'S') = 2, AT('D', 'A') = 2, AT('D', 'S') = 2, AT('D', 'T') = 2,
    AT('F', 'D') = 2, AT('F', 'L') = 2, AT('I', 'S') = 2, AT('L', 'O') = 2, AT('L', 'T') = 2, AT('P', 'N') = 2, AT('S', 'H') = 2,
    AT('S', 'L') = 2, AT('S', 'S') = 2, AT('S', 'T') = 2, AT('T', 'M') = 2, AT('U', 'I') = 2, AT('U', 'L') = 2, AT('U', 'S') = 2,
    AT('O', 'B') = 4, AT('O', 'D') = 4, AT('O', 'F') = 4, AT('O', 'L') = 4, AT('O', 'V') = 4, AT('O', 'W') = 4, AT('S', 'Q') = 4,
    AT('S', 'V') = 4, AT('U', 'C') = 4, AT('U', 'N') = 4, AT('U', 'R') = 4, AT('U', 'T') = 4, AT('U', 'V') = 4,
};

/* Bytes of the length field of an explicit VR (PS3.5 §7.1.2); 0: no VR. */
static int length_bytes(uint16_t vr)
{
    int i = ef_vr_index(vr);
    return i < 0 ? 0 : length_field[i];
}

/* ---- reading one element header ---------------------------------------------------------------------------------- */

static int read_header(ef_input *in, const ef_facts *facts, ef_encoding enc, uint64_t pos, uint64_t limit, element *e,
                       ef_error *err)
{
    if (limit - pos < 8) return beyond(in, err, limit, 0, 0, pos);
    size_t n = limit - pos < 20 ? (size_t)(limit - pos) : 20;      /* 12 of the header, 8 of a first item */
    const uint8_t *p = ef_at(in, pos, n);
    if (!p) return fail(err, EF_IO, 0, 0, pos);
    e->at = pos;
    e->tag = u16(p, enc.big_endian) << 16 | u16(p + 2, enc.big_endian);
    if (e->tag >> 16 == 0xFFFE) return fail(err, EF_BAD_ITEM, e->tag, 0, pos);
    if (enc.implicit) {
        e->vr = e->match_vr = ef_dict_vr(facts, e->tag);
        e->length_size = 4;
        e->length_at = pos + 4;
        e->length = u32(p + 4, enc.big_endian);
    } else {
        e->vr = e->match_vr = EF_VR(p[4], p[5]);
        e->length_size = (uint8_t)length_bytes(e->vr);
        if (!e->length_size) return fail(err, EF_BAD_VR, e->tag, e->vr, pos + 4);
        if (e->length_size == 4) {
            if (n < 12) return beyond(in, err, limit, e->tag, e->vr, pos);
            e->length_at = pos + 8;
            e->length = u32(p + 8, enc.big_endian);
        } else {
            e->length_at = pos + 6;
            e->length = u16(p + 6, enc.big_endian);
        }
        if (e->vr == VR_UN) e->match_vr = ef_dict_vr(facts, e->tag);
    }
    e->value_at = e->length_at + e->length_size;
    e->inside = enc;
    if (e->vr == VR_UN) e->inside = (ef_encoding){1, 0};          /* PS3.5 §6.2.2: UN holds implicit VR little endian */
    int undefined = e->length_size == 4 && e->length == EF_UNDEFINED;
    if (!undefined && e->length > limit - e->value_at) return beyond(in, err, limit, e->tag, e->vr, e->length_at);
    e->end = undefined ? 0 : e->value_at + e->length;
    e->sequence = e->match_vr == VR_SQ || (e->vr == VR_UN && undefined);
    if (e->sequence) e->match_vr = VR_SQ;
    if (!e->sequence && e->match_vr == VR_UN && e->length >= 8) {
        /* A sequence that somebody stored as UN shows by its first item. */
        const uint8_t *v = ef_at(in, e->value_at, 8);
        if (!v) return fail(err, EF_IO, e->tag, e->vr, e->value_at);
        e->sequence = u16(v, e->inside.big_endian) == 0xFFFE && u16(v + 2, e->inside.big_endian) == 0xE000
            && (u32(v + 4, e->inside.big_endian) <= e->length - 8 || u32(v + 4, e->inside.big_endian) == EF_UNDEFINED);
        if (e->sequence) e->match_vr = VR_SQ;
    }
    if (undefined && !e->sequence && (e->tag != PIXEL_DATA || enc.implicit))
        return fail(err, EF_BAD_LENGTH, e->tag, e->vr, e->length_at);
    return EF_OK;
}

/* Header of an item or delimiter. */
static int read_item(ef_input *in, ef_encoding enc, uint64_t pos, uint64_t limit, uint32_t *tag, uint32_t *length, ef_error *err)
{
    if (limit - pos < 8) return beyond(in, err, limit, 0, 0, pos);
    const uint8_t *p = ef_at(in, pos, 8);
    if (!p) return fail(err, EF_IO, 0, 0, pos);
    *tag = u16(p, enc.big_endian) << 16 | u16(p + 2, enc.big_endian);
    *length = u32(p + 4, enc.big_endian);
    if (*tag != ITEM && *tag != ITEM_END && *tag != SEQUENCE_END) return fail(err, EF_BAD_ITEM, *tag, 0, pos);
    if (*tag != ITEM && *length) return fail(err, EF_BAD_LENGTH, *tag, 0, pos + 4);
    if (*tag == ITEM && *length != EF_UNDEFINED && *length > limit - pos - 8) return beyond(in, err, limit, *tag, 0, pos + 4);
    return EF_OK;
}

/* Whether the delimiter of an item of undefined length stands at *pos; then *pos is moved behind it. */
static int item_end(ef_input *in, ef_encoding enc, uint64_t limit, uint64_t *pos, int *ended, ef_error *err)
{
    *ended = 0;
    if (limit - *pos < 8) return EF_OK;
    const uint8_t *p = ef_at(in, *pos, 8);
    if (!p) return fail(err, EF_IO, 0, 0, *pos);
    if ((u16(p, enc.big_endian) << 16 | u16(p + 2, enc.big_endian)) != ITEM_END) return EF_OK;
    if (u32(p + 4, enc.big_endian)) return fail(err, EF_BAD_LENGTH, ITEM_END, 0, *pos + 4);
    *pos += 8;
    *ended = 1;
    return EF_OK;
}

/* ---- skipping what has an undefined length ----------------------------------------------------------------------- */

/* Behind the fragments of encapsulated pixel data that start at pos (PS3.5 §A.4). */
static int skip_fragments(ef_input *in, const element *e, uint64_t limit, uint64_t *pos, ef_error *err)
{
    size_t ahead = in->ahead, most = in->ahead_most;
    int status;
    in->ahead = in->ahead_most = 4096;          /* headers lie far apart: reading far ahead would read all pixel data */
    for (*pos = e->value_at;;) {
        uint32_t tag, length;
        if ((status = read_item(in, e->inside, *pos, limit, &tag, &length, err))) break;
        if (tag == SEQUENCE_END) { *pos += 8; break; }
        if (tag == ITEM_END) { status = fail(err, EF_BAD_ITEM, tag, 0, *pos); break; }
        if (length == EF_UNDEFINED) { status = fail(err, EF_BAD_LENGTH, tag, 0, *pos + 4); break; }
        *pos += 8 + (uint64_t)length;
    }
    in->ahead = ahead;
    in->ahead_most = most;
    return status;
}

/* Behind a sequence or item of undefined length whose content starts at *pos. What has a defined length inside is jumped over. */
static int skip_nested(ef_input *in, const ef_facts *facts, int kind, ef_encoding enc, uint64_t limit, uint64_t *pos, ef_error *err)
{
    struct { uint8_t kind; ef_encoding enc; } open[2 * EF_MAX_DEPTH + 2];
    int top = 0, status;
    open[0].kind = (uint8_t)kind;
    open[0].enc = enc;
    while (top >= 0) {
        if (open[top].kind == SEQUENCE) {
            uint32_t tag, length;
            if ((status = read_item(in, open[top].enc, *pos, limit, &tag, &length, err))) return status;
            if (tag == ITEM_END) return fail(err, EF_BAD_ITEM, tag, 0, *pos);
            *pos += 8;
            if (tag == SEQUENCE_END) top--;
            else if (length != EF_UNDEFINED) *pos += length;
            else { open[top + 1].kind = DATA_SET; open[top + 1].enc = open[top].enc; top++; }
            continue;
        }
        int ended;
        if ((status = item_end(in, open[top].enc, limit, pos, &ended, err))) return status;
        if (ended) { top--; continue; }
        element e;
        if ((status = read_header(in, facts, open[top].enc, *pos, limit, &e, err))) return status;
        if (e.end) { *pos = e.end; continue; }
        if (!e.sequence) {
            if ((status = skip_fragments(in, &e, limit, pos, err))) return status;
            continue;
        }
        if (top + 2 > 2 * EF_MAX_DEPTH) return fail(err, EF_TOO_DEEP, e.tag, e.vr, e.at);
        open[++top].kind = SEQUENCE;
        open[top].enc = e.inside;
        *pos = e.value_at;
    }
    return EF_OK;
}

/* Fills e->end of an element of undefined length. */
static int find_end(ef_input *in, const ef_facts *facts, element *e, uint64_t limit, ef_error *err)
{
    if (e->end) return EF_OK;
    if (!e->sequence) return skip_fragments(in, e, limit, &e->end, err);
    e->end = e->value_at;
    return skip_nested(in, facts, SEQUENCE, e->inside, limit, &e->end, err);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static int add_row(ef_rows *rows, const element *e, int depth, int verb, int32_t rule, ef_error *err)
{
    if (rows->n == rows->most) return fail(err, EF_VALUE_TOO_LONG, e->tag, e->vr, e->at);
    if (rows->n == rows->cap) {
        size_t cap = rows->cap ? 2 * rows->cap : 256;
        ef_row *grown = realloc(rows->v, cap * sizeof *grown);
        if (!grown) return fail(err, EF_NO_MEMORY, e->tag, e->vr, e->at);
        rows->v = grown;
        rows->cap = cap;
    }
    rows->v[rows->n++] = (ef_row){e->at, e->value_at, e->end ? e->end - e->value_at : 0, e->tag, e->match_vr, (uint8_t)depth,
                                  (uint8_t)verb, rule};
    return EF_OK;
}

void ef_rows_free(ef_rows *rows)
{
    free(rows->v);
    memset(rows, 0, sizeof *rows);
}

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
    memset(x, 0, sizeof *x);
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

static uint8_t *arena(walk *w, size_t n)
{
    ef_edits *o = w->out;
    if (o->arena_cap - o->arena_len < n) {
        size_t cap = o->arena_cap ? o->arena_cap : 4096;
        while (cap - o->arena_len < n) cap *= 2;
        if (cap > MAX_ARENA) { fail(w->err, EF_VALUE_TOO_LONG, 0, 0, w->pos); return NULL; }
        uint8_t *grown = realloc(o->arena, cap);
        if (!grown) { fail(w->err, EF_NO_MEMORY, 0, 0, w->pos); return NULL; }
        o->arena = grown;
        o->arena_cap = cap;
    }
    return o->arena + o->arena_len;
}

static void put_length(uint8_t *to, uint32_t length, int size, int be)
{
    for (int i = 0; i < size; i++) to[be ? size - 1 - i : i] = (uint8_t)(length >> (8 * i));
}

/* The element's value becomes `n` bytes that already stand in the arena behind room for the length field. */
static int set_value(walk *w, const element *e, int verb, int32_t rule, size_t n, int pad)
{
    ef_edits *o = w->out;
    uint8_t *to = o->arena + o->arena_len;
    if (n % 2) to[e->length_size + n++] = (uint8_t)pad;
    if (e->length_size == 2 ? n > 0xFFFF : n >= EF_UNDEFINED) return fail(w->err, EF_VALUE_TOO_LONG, e->tag, e->vr, e->length_at);
    if (n == e->length && n <= 64) {            /* the same bytes again are no edit */
        const uint8_t *old = ef_at(w->in, e->value_at, n);
        if (!old) return fail(w->err, EF_IO, e->tag, e->vr, e->value_at);
        if (!memcmp(old, to + e->length_size, n)) return EF_OK;
    }
    ef_edit *x = add_edit(w, EF_SET, e, verb, rule);
    if (!x) return w->err->status;
    put_length(to, (uint32_t)n, e->length_size, x->big_endian);
    x->new_at = (uint32_t)o->arena_len;
    x->new_len = (uint32_t)(e->length_size + n);
    o->arena_len += x->new_len;
    return EF_OK;
}

static int set_empty(walk *w, const element *e, int verb, int32_t rule)
{
    if (e->length == 0) return EF_OK;
    if (!arena(w, 4)) return w->err->status;
    return set_value(w, e, verb, rule, 0, 0);
}

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
    memcpy(out, known->new, known->new_len);
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
    uint8_t *to = arena(w, 8 + e->length + 72 * values);
    if (!to) return w->err->status;
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
        uint8_t *to = arena(w, 8 + (size_t)e->length);
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
    uint8_t *to = arena(w, 8 + values * (ph->len + 1u));
    if (!to) return w->err->status;
    size_t n = 0;
    to += e->length_size;
    for (size_t i = 0; i < values; i++) {
        if (i) to[n++] = '\\';
        memcpy(to + n, ph->text, ph->len);
        n += ph->len;
    }
    return set_value(w, e, EF_RESET, rule, n, ' ');
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

static int push(walk *w, int kind, uint64_t end, int undefined, ef_encoding enc, int reset, int64_t patch, uint64_t path)
{
    frame *f = &w->stack[++w->top];
    memset(f, 0, sizeof *f);
    f->kind = (uint8_t)kind;
    f->end = end;
    f->undefined = (uint8_t)undefined;
    f->enc = enc;
    f->reset = (uint8_t)reset;
    f->patch = patch;
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
    if (f->patch >= 0) {
        if ((size_t)f->patch + 1 == w->out->n) w->out->n--;        /* nothing inside changed */
        else w->out->v[f->patch].end = (uint32_t)w->out->n;
    }
    if (f->row >= 0) w->trace->v[f->row].size = w->pos - 8 - w->trace->v[f->row].value_at;
    if (f->kind == SEQUENCE) w->depth--;
    w->top--;
    return EF_OK;
}

/* An edit for the length field of a sequence or item of defined length, in front of the edits inside it. */
static int64_t open_patch(walk *w, uint64_t length_at, uint32_t length, const element *e)
{
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
        return add_edit(w, EF_CUT, &e, EF_DELETE, given->rule) ? EF_OK : w->err->status;
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
        if (number < 0x10 || number > 0xFF || e->sequence || e->length > 256) return EF_OK;
        const uint8_t *v = ef_at(w->in, e->value_at, e->length);
        if (!v) return fail(w->err, EF_IO, e->tag, e->vr, e->value_at);
        uint32_t n = e->length;
        while (n && (v[n - 1] == ' ' || v[n - 1] == 0)) n--;
        while (n && *v == ' ') { v++; n--; }
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
        return add_edit(w, EF_CUT, e, verb, rule) ? EF_OK : w->err->status;
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
        return add_edit(w, EF_WAIT, e, verb, rule) ? EF_OK : w->err->status;
    case EF_CLEAN_TEXT:
    case EF_CLEAN_IMAGE:
        return add_edit(w, EF_WAIT, e, verb, rule) ? EF_OK : w->err->status;
    }
    return EF_OK;
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
    if (root && w->next_insert < w->m->n_inserts && (status = insert_before(w, e.tag, e.at))) return status;
    size_t before = w->out->n;
    if ((e.tag & 0xFFFF) == 0) {                /* group length: PS3.5 §7.2, retired */
        /* Rules do not reach it, so that it may be nothing else. */
        if (e.sequence || e.match_vr != EF_VR('U', 'L') || e.length != 4) return fail(w->err, EF_VR_MISMATCH, e.tag, e.vr, e.at);
        w->pos = e.end;
        return add_edit(w, EF_DROP, &e, EF_DELETE, -2) ? EF_OK : w->err->status;
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
    if (root)
        for (uint32_t i = 0; i < w->out->n_watch; i++)
            if (w->out->watch[i].tag == e.tag && w->pos == e.end)
                w->out->watch[i] = (ef_watch){e.tag, 1, w->out->n > before ? (int64_t)before : -1, e.value_at, e.end - e.value_at};
    return EF_OK;
}

int ef_scan(ef_input *in, uint64_t start, ef_encoding enc, const ef_matcher *m, const ef_override *overrides, size_t n_overrides,
            ef_edits *out, ef_rows *trace, ef_error *err)
{
    walk *w = malloc(sizeof *w);
    int status = EF_OK;
    out->n = out->arena_len = out->effective = 0;
    memset(err, 0, sizeof *err);
    if (!w) return fail(err, EF_NO_MEMORY, 0, 0, 0);
    w->in = in; w->m = m; w->out = out; w->trace = trace; w->err = err;
    w->override = overrides; w->override_end = n_overrides ? overrides + n_overrides : overrides;
    w->pos = start; w->top = -1; w->depth = 0; w->next_insert = 0;
    w->tags = NULL; w->n_tags = w->cap_tags = 0;
    w->creators = NULL; w->n_creators = w->cap_creators = 0;
    for (int i = 0; i < MAPPED; i++) w->mapped[i].old_len = 0;
    out->start = start;
    out->n_watch = m->n_watch;
    for (uint32_t i = 0; i < m->n_watch; i++) out->watch[i] = (ef_watch){m->watch[i], 0, -1, 0, 0};
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
        status = f->kind == SEQUENCE ? next_item(w, f) : next_element(w, f);
    }
    free(w->tags);
    free(w->creators);
    free(w);
    return status;
}

void ef_edits_free(ef_edits *e)
{
    free(e->v);
    free(e->arena);
    memset(e, 0, sizeof *e);
}

/* ---- everything there is ------------------------------------------------------------------------------------------ */

int ef_list(ef_input *in, uint64_t start, ef_encoding enc, const ef_facts *f, ef_rows *out, ef_error *err)
{
    struct { uint8_t kind, undefined; ef_encoding enc; uint64_t end; size_t row; } open[2 * EF_MAX_DEPTH + 2];
    uint64_t pos = start;
    int top = 0, depth = 0, status;
    memset(err, 0, sizeof *err);
    open[0].kind = DATA_SET; open[0].undefined = 0; open[0].enc = enc; open[0].end = in->size; open[0].row = 0;
    while (top >= 0) {
        int sequence = open[top].kind == SEQUENCE, undefined = open[top].undefined, ended = 0;
        uint64_t limit = open[top].end;
        ef_encoding inside = open[top].enc;
        element e = {.at = pos, .tag = ITEM, .inside = inside, .sequence = 1};
        if (!undefined && pos == limit) ended = 1;
        else if (sequence) {
            uint32_t length;
            if ((status = read_item(in, inside, pos, limit, &e.tag, &length, err))) return status;
            if (e.tag == ITEM_END || (e.tag == SEQUENCE_END && !undefined)) return fail(err, EF_BAD_ITEM, e.tag, 0, pos);
            e.value_at = pos += 8;
            e.end = length == EF_UNDEFINED ? 0 : pos + length;
            ended = e.tag == SEQUENCE_END;
        } else {
            if (undefined && (status = item_end(in, inside, limit, &pos, &ended, err))) return status;
            if (!ended && (status = read_header(in, f, inside, pos, limit, &e, err))) return status;
        }
        if (ended) {
            if (undefined) out->v[open[top].row].size = pos - 8 - out->v[open[top].row].value_at;
            if (sequence) depth--;
            top--;
            continue;
        }
        if ((status = add_row(out, &e, depth, 0, 0, err))) return status;
        if (!sequence && !e.sequence) {
            int open_end = !e.end;
            if ((status = find_end(in, f, &e, limit, err))) return status;
            if (open_end) out->v[out->n - 1].size = e.end - 8 - e.value_at;
            pos = e.end;
            continue;
        }
        if (!sequence && depth++ >= EF_MAX_DEPTH) return fail(err, EF_TOO_DEEP, e.tag, e.vr, e.at);
        top++;
        open[top].kind = sequence ? DATA_SET : SEQUENCE;
        open[top].undefined = !e.end;
        open[top].enc = sequence ? inside : e.inside;
        open[top].end = e.end ? e.end : limit;
        open[top].row = out->n - 1;
        pos = e.value_at;
    }
    return EF_OK;
}

/* ---- file meta and capture --------------------------------------------------------------------------------------- */

int ef_read_meta(ef_input *in, ef_meta *meta, ef_error *err)
{
    static const ef_facts none;
    memset(meta, 0, sizeof *meta);
    memset(err, 0, sizeof *err);
    const uint8_t *p = in->size >= 132 ? ef_at(in, 0, 132) : NULL;
    if (in->size >= 132 && !p) return fail(err, EF_IO, 0, 0, 0);
    if (!p || memcmp(p + 128, "DICM", 4)) return fail(err, EF_NOT_DICOM, 0, 0, 0);
    uint64_t pos = 132;
    ef_facts facts = none;
    uint32_t tag_slot[1] = {0};
    uint16_t vr_slot[1] = {0};
    facts.dict_tag = tag_slot;
    facts.dict_vr = vr_slot;
    while (in->size - pos >= 8) {
        element e;
        int status;
        if (!(p = ef_at(in, pos, 2))) return fail(err, EF_IO, 0, 0, pos);
        if (u16(p, 0) != 0x0002) break;
        if ((status = read_header(in, &facts, (ef_encoding){0, 0}, pos, in->size, &e, err))) return status;
        if (!e.end) return fail(err, EF_BAD_LENGTH, e.tag, e.vr, e.length_at);
        if (e.tag == TAG(0x0002, 0x0010)) { meta->ts_at = e.value_at; meta->ts_len = e.length; }
        if (e.tag == TAG(0x0002, 0x0002)) { meta->class_at = e.value_at; meta->class_len = e.length; }
        pos = e.end;
    }
    meta->start = pos;
    return meta->ts_len ? EF_OK : fail(err, EF_NO_TRANSFER_SYNTAX, 0, 0, pos);
}

int ef_capture(ef_input *in, uint64_t start, ef_encoding enc, const ef_facts *f, const uint32_t *tags, uint32_t n,
               ef_captured *out, uint32_t *n_out, ef_error *err)
{
    uint32_t next = 0, previous = 0;
    uint64_t pos = start;
    memset(err, 0, sizeof *err);
    *n_out = 0;
    while (pos < in->size && *n_out < n) {
        element e;
        int status;
        const uint8_t *p = in->size - pos >= 8 ? ef_at(in, pos, 4) : NULL;
        if (p && (u16(p, enc.big_endian) << 16 | u16(p + 2, enc.big_endian)) > tags[n - 1]) break;
        if ((status = read_header(in, f, enc, pos, in->size, &e, err))) return status;
        if (e.tag < previous) next = 0;         /* out of order: look again from the first */
        previous = e.tag;
        while (next < n && tags[next] < e.tag) next++;
        if ((status = find_end(in, f, &e, in->size, err))) return status;
        if (next < n && tags[next] == e.tag)
            out[(*n_out)++] = (ef_captured){e.tag, e.match_vr, e.value_at, e.end - e.value_at};
        pos = e.end;
    }
    return EF_OK;
}
