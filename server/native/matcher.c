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
    in->ahead_most = ahead > EF_AHEAD_MOST ? ahead : EF_AHEAD_MOST;
}

void ef_input_rest(ef_input *in)
{
    free(in->buf);
    in->buf = NULL;
    in->win = NULL;
    in->cap = in->win_len = 0;
}

void ef_input_free(ef_input *in)
{
    free(in->buf);
    memset(in, 0, sizeof *in);
}

/* Moves the window to where ef_at did not find what it wanted. */
const uint8_t *ef_move(ef_input *in, uint64_t at, size_t n)
{
    if (at > in->size || n > in->size - at || !in->fetch) return NULL;
    size_t want = n > in->ahead ? n : in->ahead;
    if (in->ahead < in->ahead_most) in->ahead *= 2;
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

static void mark_sq(ef_facts *f, uint32_t tag) { f->sq_maybe[ef_sq_bit(tag) >> 5] |= 1u << (ef_sq_bit(tag) & 31); }

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
        if (vrs[i] == EF_VR('S', 'Q')) mark_sq(f, tags[i]);
    }
    for (uint32_t i = 0; i < f->n_masked; i++)
        for (uint32_t g = 0; g < 0x10000 && f->masked[i].vr == EF_VR('S', 'Q'); g++)
            if ((g & f->masked[i].mask >> 16) == f->masked[i].tag >> 16) mark_sq(f, g << 16 | (f->masked[i].tag & 0xFFFF));
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
    /* What all of them begin with: most UIDs are none of them, and tell by that. */
    f->uid_common = n ? (uint32_t)strlen(f->uids) : 0;
    for (uint32_t at = 0; at < size; at += (uint32_t)strlen(f->uids + at) + 1)
        for (uint32_t i = 0; i < f->uid_common; i++)
            if (f->uids[at + i] != f->uids[i]) f->uid_common = i;
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
    if (!f->uid_slot || n < f->uid_common || memcmp(uid, f->uids, f->uid_common)) return 0;
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

static uint16_t find_vr(const ef_facts *f, uint32_t tag)
{
    for (uint32_t s = mix(tag) & f->dict_mask; f->dict_vr[s]; s = (s + 1) & f->dict_mask)
        if (f->dict_tag[s] == tag) return f->dict_vr[s];
    for (uint32_t i = 0; i < f->n_masked; i++)
        if ((tag & f->masked[i].mask) == f->masked[i].tag) return f->masked[i].vr;
    return 0;
}

uint16_t ef_dict_vr(const ef_facts *f, uint32_t tag)
{
    if ((tag & 0xFFFF) == 0) return EF_VR('U', 'L');
    if (tag & 0x10000) return (tag & 0xFF00) == 0 && (tag & 0xFFFF) >= 0x10 ? EF_VR('L', 'O') : EF_VR('U', 'N');
    uint16_t vr = find_vr(f, tag);
    return vr ? vr : EF_VR('U', 'N');
}

int ef_is_known(const ef_facts *f, uint32_t tag) { return tag & 0xFFFF && !(tag & 0x10000) && find_vr(f, tag); }

/* ---- rules ------------------------------------------------------------------------------------------------------- */

static uint32_t nested_hash(uint64_t path, uint32_t rule) { return mix((uint32_t)(path ^ path >> 32) + rule * 0x9e3779b9u); }

/* Whether a verb's new value is the caller's to give. */
static int waits(int verb) { return verb == EF_CLEAN_TEXT || verb == EF_CLEAN_IMAGE || verb == EF_SHIFT_DATE; }

int ef_matcher_index(ef_matcher *m)
{
    uint32_t size = table_size(m->n_rules);
    m->slot_tag = calloc(size, sizeof *m->slot_tag);
    m->slot_rule = malloc(size * sizeof *m->slot_rule);
    m->other = calloc(m->n_rules + 1, sizeof *m->other);
    m->by_creator = calloc(m->n_rules + 1, sizeof *m->by_creator);
    m->creator_start = calloc(m->n_creators + 2, sizeof *m->creator_start);
    m->nested_mask = table_size(m->n_nested) - 1;
    m->nested_slot = calloc(m->nested_mask + 1, sizeof *m->nested_slot);
    if (!m->slot_tag || !m->slot_rule || !m->other || !m->by_creator || !m->creator_start || !m->nested_slot) return EF_NO_MEMORY;
    m->slot_mask = size - 1;
    for (uint32_t s = 0; s < size; s++) m->slot_rule[s] = -1;
    for (uint32_t i = 0; i < m->n_rules; i++) {
        const ef_rule *r = &m->rules[i];
        if (r->creator >= 0) { m->creator_start[r->creator + 1]++; continue; }
        if (r->mask != 0xFFFFFFFFu || r->vr) {
            m->other[m->n_other++] = i;
            for (uint32_t g = 0; g < 0x10000; g++)
                if ((g & r->mask >> 16) == r->tag >> 16) m->other_groups[g >> 5] |= 1u << (g & 31);
            continue;
        }
        uint32_t s = mix(r->tag) & m->slot_mask;
        while (m->slot_rule[s] >= 0 && m->slot_tag[s] != r->tag) s = (s + 1) & m->slot_mask;
        if (m->slot_rule[s] < 0) { m->slot_tag[s] = r->tag; m->slot_rule[s] = (int32_t)i; }
    }
    /* Counting sort: rules of one creator together, in their order. */
    for (uint32_t c = 0; c < m->n_creators; c++) m->creator_start[c + 1] += m->creator_start[c];
    uint32_t *next = calloc(m->n_creators + 1, sizeof *next);
    if (!next) return EF_NO_MEMORY;
    for (uint32_t i = 0; i < m->n_rules; i++)
        if (m->rules[i].creator >= 0) m->by_creator[m->creator_start[m->rules[i].creator] + next[m->rules[i].creator]++] = i;
    free(next);
    m->waits = (uint8_t)waits(m->default_verb);
    for (uint32_t i = 0; i < m->n_rules; i++) m->waits |= (uint8_t)(waits(m->rules[i].root) | waits(m->rules[i].nested));
    for (uint32_t i = 0; i < m->n_nested; i++) m->waits |= (uint8_t)waits(m->nested[i].verb);
    for (uint32_t i = 0; i < m->n_nested; i++) {
        const ef_nested *x = &m->nested[i];
        if (x->rule >= m->n_rules) continue;
        m->rules[x->rule].by_path = 1;
        uint32_t s = nested_hash(x->path, x->rule) & m->nested_mask;
        while (m->nested_slot[s]) s = (s + 1) & m->nested_mask;
        m->nested_slot[s] = i + 1;
    }
    return EF_OK;
}

int ef_nested_verb(const ef_matcher *m, uint64_t path, int32_t rule)
{
    const ef_rule *r = &m->rules[rule];
    if (!r->by_path) return r->nested;
    for (uint32_t s = nested_hash(path, (uint32_t)rule) & m->nested_mask; m->nested_slot[s]; s = (s + 1) & m->nested_mask) {
        const ef_nested *x = &m->nested[m->nested_slot[s] - 1];
        if (x->path == path && x->rule == (uint32_t)rule) return x->verb;
    }
    return r->nested;
}

void ef_matcher_free(ef_matcher *m)
{
    free(m->rules); free(m->slot_tag); free(m->slot_rule); free(m->other); free(m->by_creator); free(m->creator_start);
    free(m->nested); free(m->nested_slot);
    for (uint32_t c = 0; c < m->n_creators; c++) free(m->creators[c]);
    free(m->creators);
    for (uint32_t i = 0; i < m->n_inserts; i++) free((void *)m->inserts[i].bytes);
    free(m->inserts);
    volatile uint8_t *secret = (volatile uint8_t *)&m->uid;
    for (size_t i = 0; i < sizeof m->uid; i++) secret[i] = 0;
    memset(m, 0, sizeof *m);
}

static int matches(const ef_rule *r, uint32_t tag, uint16_t vr) { return (tag & r->mask) == r->tag && (!r->vr || r->vr == vr); }

int32_t ef_match(const ef_matcher *m, uint32_t tag, uint16_t vr, int32_t creator)
{
    int32_t found = -1;
    for (uint32_t s = mix(tag) & m->slot_mask; m->slot_rule[s] >= 0; s = (s + 1) & m->slot_mask)
        if (m->slot_tag[s] == tag) { found = m->slot_rule[s]; break; }
    uint32_t group = tag >> 16;
    uint32_t n_other = m->other_groups[group >> 5] >> (group & 31) & 1 ? m->n_other : 0;
    for (uint32_t i = 0; i < n_other; i++) {
        int32_t at = (int32_t)m->other[i];
        if (found >= 0 && at > found) break;
        if (matches(&m->rules[at], tag, vr)) { found = at; break; }
    }
    if (creator < 0) return found;
    for (uint32_t i = m->creator_start[creator]; i < m->creator_start[creator + 1]; i++) {
        int32_t at = (int32_t)m->by_creator[i];
        if (found >= 0 && at > found) break;
        if (matches(&m->rules[at], tag, vr)) return at;
    }
    return found;
}

int32_t ef_match_creator(const ef_matcher *m, uint32_t tag, int32_t creator)
{
    for (uint32_t i = m->creator_start[creator]; i < m->creator_start[creator + 1]; i++) {
        const ef_rule *r = &m->rules[m->by_creator[i]];
        if (r->root != EF_DELETE && ((tag ^ r->tag) & r->mask & 0xFFFF0000u) == 0) return (int32_t)m->by_creator[i];
    }
    return -1;
}
