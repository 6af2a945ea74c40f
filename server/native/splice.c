/* Edits and input become the segments of the new data set. */
#include "output.h"

static int fail(ef_error *err, int status, const ef_edit *e)
{
    err->status = status;
    err->tag = e ? e->tag : 0;
    err->vr = e ? e->vr : 0;
    err->at = e ? e->at : 0;
    return status;
}

static int pad_of(uint16_t vr)
{
    switch (vr) {
    case EF_VR('U', 'I'): case EF_VR('O', 'B'): case EF_VR('U', 'N'):
        return 0;
    }
    return ' ';
}

static size_t value_length(const ef_value *v) { return v->len + v->len % 2; }

static int64_t new_size(const ef_edit *e, const ef_matcher *m, const ef_value *v)
{
    switch (e->kind) {
    case EF_SET: return e->new_len;
    case EF_INSERT: return m->inserts[e->new_at].len;
    case EF_PATCH: return 4;
    case EF_WAIT: return v->bytes ? (int64_t)(e->length_size + value_length(v)) : (int64_t)e->size;
    }
    return 0;
}

static int add_edit(ef_input *in, ef_output *o, const ef_edits *all, const ef_matcher *m, const ef_edit *e, const ef_value *v,
                    const int64_t *growth, ef_error *err)
{
    uint8_t field[4];
    switch (e->kind) {
    case EF_SET:
        return add_new(o, all->arena + e->new_at, e->new_len);
    case EF_INSERT:
        return add_new(o, m->inserts[e->new_at].bytes, m->inserts[e->new_at].len);
    case EF_PATCH: {
        int64_t length = (int64_t)e->old_len + growth[e->end] - growth[e - all->v + 1];
        if (length < 0 || length >= EF_UNDEFINED) return fail(err, EF_VALUE_TOO_LONG, e);
        put_length(field, (uint32_t)length, 4, e->big_endian);
        return add_new(o, field, 4);
    }
    case EF_WAIT: {
        if (!v->bytes) return add_range(in, o, e->at, e->size);
        size_t n = value_length(v);
        if (e->length_size == 2 ? n > 0xFFFF : n >= EF_UNDEFINED) return fail(err, EF_VALUE_TOO_LONG, e);
        put_length(field, (uint32_t)n, e->length_size, e->big_endian);
        int status = add_new(o, field, e->length_size);
        if (!status) status = add_new(o, v->bytes, v->len);
        uint8_t pad = (uint8_t)pad_of(e->vr);
        return status || n == v->len ? status : add_new(o, &pad, 1);
    }
    }
    return EF_OK;
}

int ef_splice(ef_input *in, const ef_edits *e, const ef_matcher *m, const ef_value *values, ef_output *out, ef_error *err)
{
    static const ef_value none;
    uint64_t pos = e->start;
    int status = EF_OK;
    ef_output_clear(out);
    memset(err, 0, sizeof *err);
    if (!e->effective) {            /* nothing to change: the input as it is, group lengths too */
        if (add_segment(out, pos, in->size - pos, 0)) return fail(err, EF_NO_MEMORY, NULL);
        return EF_OK;
    }
    int64_t *growth = malloc((e->n + 1) * sizeof *growth);          /* growth[i]: by the edits before i */
    if (!growth) return fail(err, EF_NO_MEMORY, NULL);
    growth[0] = 0;
    for (size_t i = 0; i < e->n; i++)
        growth[i + 1] = growth[i] + new_size(&e->v[i], m, values ? &values[i] : &none) - (int64_t)e->v[i].size;
    for (size_t i = 0; i < e->n && !status; i++) {
        const ef_edit *x = &e->v[i];
        status = add_range(in, out, pos, x->at - pos);
        if (!status) status = add_edit(in, out, e, m, x, values ? &values[i] : &none, growth, err);
        pos = x->at + x->size;
        if (status && !err->status) fail(err, status, x);
    }
    free(growth);
    if (!status) status = add_range(in, out, pos, in->size - pos);
    if (!status) status = seal(out);
    if (status && !err->status) fail(err, status, NULL);
    return status;
}

void ef_output_clear(ef_output *out)
{
    out->len = out->sealed = out->n_seg = out->effective = 0;
    out->n_watch = 0;
}

void ef_output_free(ef_output *out)
{
    free(out->bytes);
    free(out->seg);
    memset(out, 0, sizeof *out);
}
