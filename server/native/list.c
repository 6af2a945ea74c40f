/* What stands in an instance: all elements, file meta, single values. */
#include "element.h"

#include <string.h>

void ef_rows_free(ef_rows *rows)
{
    free(rows->v);
    memset(rows, 0, sizeof *rows);
}

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
