/* Facts and rules behind hash tables, and the window over the input. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

static uint32_t mix(uint32_t x)
{
    x ^= x >> 16; x *= 0x7feb352du; x ^= x >> 15; x *= 0x846ca68bu; x ^= x >> 16;
    return x;
}

static uint32_t table_size(uint32_t n)
{
    uint32_t size = 16;
    while (size < 2 * n + 2) size *= 2;
    return size;
}

/* ---- input ------------------------------------------------------------------------------------------------------- */

void ef_input_memory(ef_input *in, const uint8_t *data, uint64_t size)
{
    memset(in, 0, sizeof *in);
    in->size = size;
    in->win = data;
    in->win_len = (size_t)size;
}

void ef_input_fetch(ef_input *in, uint64_t size, ef_fetch fetch, void *ctx, size_t ahead)
{
    memset(in, 0, sizeof *in);
    in->size = size;
    in->fetch = fetch;
    in->ctx = ctx;
    in->ahead = ahead;
}

void ef_input_free(ef_input *in)
{
    free(in->buf);
    memset(in, 0, sizeof *in);
}

const uint8_t *ef_at(ef_input *in, uint64_t at, size_t n)
{
    if (at > in->size || n > in->size - at) return NULL;
    if (at >= in->win_at && at - in->win_at <= in->win_len && n <= in->win_len - (size_t)(at - in->win_at))
        return in->win + (at - in->win_at);
    if (!in->fetch) return NULL;
    size_t want = n > in->ahead ? n : in->ahead;
    if (want > in->size - at) want = (size_t)(in->size - at);
    if (want > in->cap) {
        uint8_t *grown = realloc(in->buf, want);
        if (!grown) return NULL;
        in->buf = grown;
        in->cap = want;
    }
    in->win = in->buf;
    in->win_len = 0;
    if (in->fetch(in->ctx, at, in->buf, want)) return NULL;
    in->win_at = at;
    in->win_len = want;
    return in->win;
}

/* ---- facts ------------------------------------------------------------------------------------------------------- */

int ef_facts_dict(ef_facts *f, const uint32_t *tags, const uint16_t *vrs, uint32_t n)
{
    uint32_t size = table_size(n);
    f->dict_tag = calloc(size, sizeof *f->dict_tag);
    f->dict_vr = calloc(size, sizeof *f->dict_vr);
    if (!f->dict_tag || !f->dict_vr) return EF_NO_MEMORY;
    f->dict_mask = size - 1;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t s = mix(tags[i]) & f->dict_mask;
        while (f->dict_vr[s] && f->dict_tag[s] != tags[i]) s = (s + 1) & f->dict_mask;
        f->dict_tag[s] = tags[i];
        f->dict_vr[s] = vrs[i];
    }
    return EF_OK;
}

static uint32_t hash_bytes(const uint8_t *p, size_t n)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 16777619u;
    return mix(h);
}

int ef_facts_uids(ef_facts *f, const char *joined, uint32_t size)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < size; i++) n += joined[i] == 0;
    f->uid_mask = table_size(n) - 1;
    f->uids = malloc(size ? size : 1);
    f->uid_slot = calloc(f->uid_mask + 1, sizeof *f->uid_slot);
    if (!f->uids || !f->uid_slot) return EF_NO_MEMORY;
    memcpy(f->uids, joined, size);
    for (uint32_t at = 0; at < size;) {
        uint32_t len = (uint32_t)strlen(f->uids + at);
        uint32_t s = hash_bytes((const uint8_t *)f->uids + at, len) & f->uid_mask;
        while (f->uid_slot[s]) s = (s + 1) & f->uid_mask;
        f->uid_slot[s] = at + 1;
        at += len + 1;
    }
    return EF_OK;
}

int ef_is_registered(const ef_facts *f, const uint8_t *uid, size_t n)
{
    if (!f->uid_slot) return 0;
    for (uint32_t s = hash_bytes(uid, n) & f->uid_mask; f->uid_slot[s]; s = (s + 1) & f->uid_mask) {
        const char *known = f->uids + f->uid_slot[s] - 1;
        if (strlen(known) == n && !memcmp(known, uid, n)) return 1;
    }
    return 0;
}

int ef_is_standard(const ef_facts *f, uint32_t tag)
{
    uint32_t lo = 0, hi = f->n_standard;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (f->standard[mid] < tag) lo = mid + 1; else hi = mid;
    }
    return lo < f->n_standard && f->standard[lo] == tag;
}

void ef_facts_free(ef_facts *f)
{
    free(f->dict_tag); free(f->dict_vr); free(f->masked); free(f->uids); free(f->uid_slot); free(f->standard);
    memset(f, 0, sizeof *f);
}

uint16_t ef_dict_vr(const ef_facts *f, uint32_t tag)
{
    if ((tag & 0xFFFF) == 0) return EF_VR('U', 'L');
    if (tag & 0x10000) return (tag & 0xFF00) == 0 && (tag & 0xFFFF) >= 0x10 ? EF_VR('L', 'O') : EF_VR('U', 'N');
    for (uint32_t s = mix(tag) & f->dict_mask; f->dict_vr[s]; s = (s + 1) & f->dict_mask)
        if (f->dict_tag[s] == tag) return f->dict_vr[s];
    for (uint32_t i = 0; i < f->n_masked; i++)
        if ((tag & f->masked[i].mask) == f->masked[i].tag) return f->masked[i].vr;
    return EF_VR('U', 'N');
}

/* ---- rules ------------------------------------------------------------------------------------------------------- */

int ef_matcher_index(ef_matcher *m)
{
    uint32_t size = table_size(m->n_rules);
    m->slot_tag = calloc(size, sizeof *m->slot_tag);
    m->slot_rule = malloc(size * sizeof *m->slot_rule);
    m->other = calloc(m->n_rules + 1, sizeof *m->other);
    if (!m->slot_tag || !m->slot_rule || !m->other) return EF_NO_MEMORY;
    m->slot_mask = size - 1;
    for (uint32_t s = 0; s < size; s++) m->slot_rule[s] = -1;
    for (uint32_t i = 0; i < m->n_rules; i++) {
        const ef_rule *r = &m->rules[i];
        if (r->mask != 0xFFFFFFFFu || r->vr || r->creator >= 0) { m->other[m->n_other++] = i; continue; }
        uint32_t s = mix(r->tag) & m->slot_mask;
        while (m->slot_rule[s] >= 0 && m->slot_tag[s] != r->tag) s = (s + 1) & m->slot_mask;
        if (m->slot_rule[s] < 0) { m->slot_tag[s] = r->tag; m->slot_rule[s] = (int32_t)i; }
    }
    return EF_OK;
}

void ef_matcher_free(ef_matcher *m)
{
    free(m->rules); free(m->slot_tag); free(m->slot_rule); free(m->other);
    for (uint32_t c = 0; c < m->n_creators; c++) free(m->creators[c]);
    free(m->creators);
    for (uint32_t i = 0; i < m->n_inserts; i++) free((void *)m->inserts[i].bytes);
    free(m->inserts);
    volatile uint8_t *secret = (volatile uint8_t *)&m->uid;
    for (size_t i = 0; i < sizeof m->uid; i++) secret[i] = 0;
    memset(m, 0, sizeof *m);
}

int32_t ef_match(const ef_matcher *m, uint32_t tag, uint16_t vr, int32_t creator)
{
    int32_t found = -1;
    for (uint32_t s = mix(tag) & m->slot_mask; m->slot_rule[s] >= 0; s = (s + 1) & m->slot_mask)
        if (m->slot_tag[s] == tag) { found = m->slot_rule[s]; break; }
    for (uint32_t i = 0; i < m->n_other; i++) {
        int32_t at = (int32_t)m->other[i];
        if (found >= 0 && at > found) break;
        const ef_rule *r = &m->rules[at];
        if ((tag & r->mask) == r->tag && (!r->vr || r->vr == vr) && (r->creator < 0 || r->creator == creator)) return at;
    }
    return found;
}

int32_t ef_match_creator(const ef_matcher *m, uint32_t tag, int32_t creator)
{
    for (uint32_t i = 0; i < m->n_other; i++) {
        const ef_rule *r = &m->rules[m->other[i]];
        if (r->creator == creator && r->root != EF_DELETE && ((tag ^ r->tag) & r->mask & 0xFFFF0000u) == 0)
            return (int32_t)m->other[i];
    }
    return -1;
}
