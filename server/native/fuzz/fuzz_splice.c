/* Whatever can be scanned is spliced, with drawn values where the caller is to give some.
 *
 * What must hold: between the edits every byte of the input stands in the output, in its place; the new bytes are those
 * that were asked for; lengths of what encloses them are right, so that the output of an input that reads to its end
 * does so too, and one that the walk takes is taken; memory and window give the same; without effective edits the output
 * is the input; the walk that writes at once gives the same bytes, or the same reason. A value that does not fit its length field is refused. A broken promise aborts.
 */
#include "world.h"

/* A value for an edit that waits; .bytes NULL: it stays. Text, so that no value looks like a sequence. */
static ef_value draw_value(choice *c, const ef_edit *x, const uint8_t *pool, size_t most)
{
    static const uint32_t lengths[] = {0, 1, 2, 7, 8, 64, 65, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000};
    ef_value value = {NULL, 0};
    /* Text in the place of items would be no sequence; the caller never gives any. */
    if (x->vr == EF_VR('S', 'Q') || !world_draw(c, 8)) return value;
    value.len = world_draw(c, 4) ? world_draw(c, 40) : lengths[world_draw(c, world_draw(c, 16) ? 7 : COUNT(lengths))];
    PROMISE(value.len <= most);
    value.bytes = pool + world_draw(c, (uint32_t)(most - value.len + 1));
    return value;
}

static size_t padded(size_t n) { return n + n % 2; }

/* Bytes an edit puts in the place of those it takes. */
static size_t put(const choice *c, const ef_edit *x, const ef_value *v)
{
    switch (x->kind) {
    case EF_SET: return x->new_len;
    case EF_INSERT: return c->m->inserts[x->new_at].len;
    case EF_PATCH: return 4;
    case EF_WAIT: return v->bytes ? x->length_size + padded(v->len) : (size_t)x->size;
    }
    return 0;
}

/* Input and edits, put together once more in the plainest way. */
static void check_bytes(const choice *c, const ef_edits *e, const ef_value *values, bytes out)
{
    size_t from = (size_t)c->start, to = 0;
    for (size_t i = 0; i <= e->n; i++) {
        const ef_edit *x = i < e->n ? &e->v[i] : NULL;
        size_t kept = (x ? (size_t)x->at : c->whole.size) - from;
        PROMISE(kept <= out.size - to && !memcmp(out.data + to, c->whole.data + from, kept));
        from += kept;
        to += kept;
        if (!x) break;
        size_t n = put(c, x, &values[i]);
        PROMISE(n <= out.size - to);
        if (x->kind == EF_SET) PROMISE(!memcmp(out.data + to, e->arena + x->new_at, n));
        if (x->kind == EF_INSERT) PROMISE(!memcmp(out.data + to, c->m->inserts[x->new_at].bytes, n));
        if (x->kind == EF_WAIT && !values[i].bytes) PROMISE(!memcmp(out.data + to, c->whole.data + from, n));
        if (x->kind == EF_WAIT && values[i].len)
            PROMISE(!memcmp(out.data + to + x->length_size, values[i].bytes, values[i].len));
        from += (size_t)x->size;
        to += n;
    }
    PROMISE(to == out.size);
}

/* Whether a data set reads to its end, and what the walk says that changes nothing. */
typedef struct { int listed, walked; uint64_t at; } health;

static health examine(bytes whole, uint64_t start, const choice *c)
{
    ef_input in;
    ef_edits edits;
    ef_error err;
    ef_rows rows = {NULL, 0, 0, MOST_ROWS};
    health h;
    memset(&edits, 0, sizeof edits);
    ef_input_memory(&in, whole.data, whole.size);
    h.listed = ef_list(&in, start, c->enc, world_facts(), &rows, &err);
    h.walked = ef_scan(&in, start, c->enc, world_calm(c->encoding), NULL, 0, &edits, NULL, &err);
    h.at = err.at;
    PROMISE(h.walked != EF_OK || (!edits.effective && h.listed == EF_OK));
    ef_edits_free(&edits);
    ef_rows_free(&rows);
    ef_input_free(&in);
    return h;
}

static void check_structure(const choice *c, bytes out)
{
    health before = examine(c->whole, c->start, c), after = examine(out, 0, c);
    PROMISE(before.listed != EF_OK || after.listed == EF_OK);
    /* A first element of a length like two letters is refused in implicit VR; which one comes first, the edits decide. */
    PROMISE(before.walked != EF_OK || after.walked == EF_OK || (after.walked == EF_BAD_VR && c->enc.implicit && after.at == 4));
}

static void splice(choice *c, ef_input *in, ef_input *window, const ef_edits *edits)
{
    static uint8_t pool[0x10100];
    ef_output result = {0}, other = {0};
    ef_error err, again;
    int wide = 0;               /* a value that its length field cannot tell */
    if (!*pool) for (size_t i = 0; i < sizeof pool; i++) pool[i] = (uint8_t)('A' + i % 23);
    ef_value *values = world_checked(calloc(edits->n + 1, sizeof *values));
    for (size_t i = 0; i < edits->n; i++) {
        if (edits->v[i].kind != EF_WAIT) continue;
        values[i] = draw_value(c, &edits->v[i], pool, sizeof pool - 1);
        wide |= values[i].bytes && edits->v[i].length_size == 2 && padded(values[i].len) > 0xFFFF;
    }
    int status = ef_splice(in, edits, c->m, values, &result, &err);
    PROMISE(ef_splice(window, edits, c->m, values, &other, &again) == status);
    PROMISE(status == EF_OK ? !wide : wide && status == EF_VALUE_TOO_LONG && err.at <= c->whole.size);
    if (status == EF_OK) {
        bytes out = world_join(&result, c->whole), same = world_join(&other, c->whole);
        PROMISE(out.size == same.size && !memcmp(out.data, same.data, out.size));
        if (!edits->effective) {
            PROMISE(out.size == c->whole.size - c->start && !memcmp(out.data, c->whole.data + c->start, out.size));
        } else {
            check_bytes(c, edits, values, out);
        }
        check_structure(c, out);
        free((void *)out.data);
        free((void *)same.data);
    }
    ef_output_free(&result);
    ef_output_free(&other);
    free(values);
}

/* Where a watched value is, in what was written at once, and of how many bytes; NULL: there is none. */
static const uint8_t *watched(const choice *c, const ef_output *out, uint32_t i, uint64_t *size)
{
    const ef_watch *v = &out->watch[i];
    *size = v->size;
    if (!v->present) return NULL;
    PROMISE(v->at <= (v->is_new ? out->len : c->whole.size) && v->size <= (v->is_new ? out->len : c->whole.size) - v->at);
    return (v->is_new ? out->bytes : c->whole.data) + v->at;
}

/* One walk that writes at once comes to what scan and splice come to. scanned: what the scan said. */
static void rewrite(const choice *c, ef_input *in, const ef_override *given, size_t n, const ef_edits *edits, int scanned)
{
    ef_output once = {0}, twice = {0};
    ef_error err, other;
    int status = ef_rewrite(in, c->start, c->enc, c->m, given, n, &once, &err);
    if (status == EF_TWO_STEPS) {
        PROMISE(c->m->waits || !c->m->n_inserts);
    } else if (status || scanned) {
        PROMISE(status == scanned && err.at <= c->whole.size);
    } else {
        PROMISE(ef_splice(in, edits, c->m, NULL, &twice, &other) == EF_OK && once.effective == edits->effective);
        bytes a = world_join(&once, c->whole), b = world_join(&twice, c->whole);
        PROMISE(a.size == b.size && !memcmp(a.data, b.data, a.size));
        free((void *)a.data);
        free((void *)b.data);
        for (uint32_t i = 0; i < edits->n_watch; i++) {
            const ef_watch *v = &edits->watch[i];
            const ef_edit *x = v->edit >= 0 ? &edits->v[v->edit] : NULL;
            int set = x && x->kind == EF_SET;
            const uint8_t *old = set ? edits->arena + x->new_at + x->length_size : c->whole.data + v->at;
            uint64_t size, expected = set ? x->new_len - x->length_size : x || !v->present ? 0 : v->size;
            const uint8_t *value = watched(c, &once, i, &size);
            PROMISE(value ? size == expected && !memcmp(value, old, size) : !expected);
        }
    }
    ef_output_free(&once);
    ef_output_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ef_input memory, window;
    ef_edits edits;
    ef_error err;
    ef_rows rows = {NULL, 0, 0, MOST_ROWS};
    ef_override *given = NULL;
    size_t n = 0;
    choice c = world_choose(data, size);
    memset(&edits, 0, sizeof edits);
    ef_input_memory(&memory, data, size);
    world_window(&window, &c, world_draw(&c, 2) != 0);
    if (!c.calm && world_draw(&c, 2) && ef_list(&memory, c.start, c.enc, world_facts(), &rows, &err) == EF_OK)
        given = world_overrides(&c, &rows, &n);
    int status = ef_scan(&memory, c.start, c.enc, c.m, given, n, &edits, NULL, &err);
    rewrite(&c, &memory, given, n, &edits, status);
    rewrite(&c, &window, given, n, &edits, status);
    if (status == EF_OK) splice(&c, &memory, &window, &edits);
    ef_edits_free(&edits);
    ef_rows_free(&rows);
    free(given);
    ef_input_free(&window);
    ef_input_free(&memory);
    return 0;
}
