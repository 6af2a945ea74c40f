/* Segments of a new data set, one behind the other: what the splice and the walk that writes at once share. */
#ifndef EFFACER_OUTPUT_H
#define EFFACER_OUTPUT_H

#include "core.h"

#include <stdlib.h>
#include <string.h>

/* Room for n more bytes, or NULL. */
static inline uint8_t *room(ef_output *o, size_t n)
{
    if (o->cap - o->len < n) {
        size_t cap = o->cap ? o->cap : 16384;
        while (cap - o->len < n) cap *= 2;
        uint8_t *grown = realloc(o->bytes, cap);
        if (!grown) return NULL;
        o->bytes = grown;
        o->cap = cap;
    }
    return o->bytes + o->len;
}

static inline int add_segment(ef_output *o, uint64_t at, uint64_t len, int is_new)
{
    if (!len) return EF_OK;
    ef_segment *last = o->n_seg ? &o->seg[o->n_seg - 1] : NULL;
    if (last && last->is_new == is_new && last->at + last->len == at) { last->len += len; return EF_OK; }
    if (o->n_seg == o->cap_seg) {
        size_t cap = o->cap_seg ? 2 * o->cap_seg : 8;
        ef_segment *grown = realloc(o->seg, cap * sizeof *grown);
        if (!grown) return EF_NO_MEMORY;
        o->seg = grown;
        o->cap_seg = cap;
    }
    o->seg[o->n_seg++] = (ef_segment){at, len, is_new};
    return EF_OK;
}

/* The new bytes that no segment names yet become one; to be called in front of a range, and last. */
static inline int seal(ef_output *o)
{
    int status = add_segment(o, o->sealed, o->len - o->sealed, 1);
    o->sealed = o->len;
    return status;
}

static inline int add_new(ef_output *o, const uint8_t *bytes, size_t n)
{
    uint8_t *to = room(o, n);
    if (!to) return EF_NO_MEMORY;
    if (n) memcpy(to, bytes, n);
    o->len += n;
    return EF_OK;
}

static inline int add_range(ef_input *in, ef_output *o, uint64_t at, uint64_t n)
{
    if (n >= EF_INLINE) {
        int status = seal(o);
        return status ? status : add_segment(o, at, n, 0);
    }
    const uint8_t *bytes = n ? ef_at(in, at, (size_t)n) : NULL;
    if (n && !bytes) return EF_IO;
    return n ? add_new(o, bytes, (size_t)n) : EF_OK;
}

static inline void put_length(uint8_t *to, uint32_t length, int size, int be)
{
    if (size == 2) {
        to[be] = (uint8_t)length;
        to[!be] = (uint8_t)(length >> 8);
        return;
    }
    for (int i = 0; i < 4; i++) to[be ? 3 - i : i] = (uint8_t)(length >> (8 * i));
}

#endif
