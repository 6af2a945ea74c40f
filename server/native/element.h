/* Reading one element, one item, and what has an undefined length: what the walk and the list share. */
#ifndef EFFACER_ELEMENT_H
#define EFFACER_ELEMENT_H

#include "core.h"

#include <stdlib.h>

#define TAG(g, e) ((uint32_t)(g) << 16 | (e))
#define ITEM TAG(0xFFFE, 0xE000)
#define ITEM_END TAG(0xFFFE, 0xE00D)
#define SEQUENCE_END TAG(0xFFFE, 0xE0DD)
#define PIXEL_DATA TAG(0x7FE0, 0x0010)
#define CHARACTER_SET TAG(0x0008, 0x0005)
#define VR_SQ EF_VR('S', 'Q')
#define VR_UN EF_VR('U', 'N')
#define VR_UI EF_VR('U', 'I')

enum frame_kind { DATA_SET, SEQUENCE };

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

#endif
