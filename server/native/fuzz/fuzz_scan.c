/* Any bytes through everything that reads: meta, list, scan with and without decisions from outside, capture.
 *
 * What must hold, whatever the bytes are: no error of memory or arithmetic (the sanitizers see to that), no position
 * points behind the input, memory and a small window give the same answer, what scan visits stands in the list just so,
 * nothing that is listed passes without a decision, a decision from outside is carried out, and a plan without rules
 * reads all there is and changes nothing. Other plans may jump over what they keep or cut whole. A broken promise aborts.
 */
#include "world.h"

static int same_row(const ef_row *a, const ef_row *b)
{
    return a->at == b->at && a->tag == b->tag && a->vr == b->vr && a->depth == b->depth && a->value_at == b->value_at
        && a->size == b->size;
}

/* Rows of the whole data set, from memory and through the window. */
static int list(choice *c, ef_input *in, ef_input *window, ef_rows *rows)
{
    ef_error err, other;
    ef_rows again = {NULL, 0, 0, MOST_ROWS};
    *rows = again;
    int status = ef_list(in, c->start, c->enc, world_facts(), rows, &err);
    PROMISE(ef_list(window, c->start, c->enc, world_facts(), &again, &other) == status);
    PROMISE(rows->n == again.n);
    for (size_t i = 0; i < rows->n; i++) PROMISE(same_row(&rows->v[i], &again.v[i]));
    PROMISE(status == EF_OK || (err.status == status && err.at <= c->whole.size && err.at == other.at));
    ef_rows_free(&again);
    for (size_t i = 0; i < rows->n && status == EF_OK; i++) {
        const ef_row *r = &rows->v[i];
        PROMISE(r->at >= c->start && r->at < r->value_at && r->value_at <= c->whole.size);
        PROMISE(r->size <= c->whole.size - r->value_at && r->depth <= EF_MAX_DEPTH);
        PROMISE(i ? r->at >= r[-1].value_at && r->depth <= r[-1].depth + 1 : r->at == c->start && !r->depth);
    }
    return status;
}

/* Two scans of the same thing came to the same edits. */
static void same(const ef_edits *a, const ef_edits *b)
{
    PROMISE(a->n == b->n && a->effective == b->effective && a->arena_len == b->arena_len);
    for (size_t i = 0; i < a->n; i++) {
        const ef_edit *x = &a->v[i], *y = &b->v[i];
        PROMISE(x->begin == y->begin && x->at == y->at && x->size == y->size && x->kind == y->kind && x->verb == y->verb);
        PROMISE(x->rule == y->rule && x->depth == y->depth && x->new_at == y->new_at && x->new_len == y->new_len);
        PROMISE(x->kind != EF_SET || !memcmp(a->arena + x->new_at, b->arena + y->new_at, x->new_len));
    }
}

/* rows: NULL where the list broke off. */
static void check_edits(const choice *c, const ef_edits *edits, const ef_rows *rows, const ef_rows *trace)
{
    uint64_t from = c->start;
    for (size_t i = 0; i < edits->n; i++) {
        const ef_edit *x = &edits->v[i];
        PROMISE(x->at >= from && x->at <= c->whole.size && x->size <= c->whole.size - x->at);
        PROMISE(x->value_at <= c->whole.size && x->value_size <= c->whole.size - x->value_at);
        PROMISE(x->kind != EF_PATCH || (x->end > i && x->end <= edits->n));
        if (x->kind == EF_CUT || x->kind == EF_SET || x->kind == EF_WAIT) {
            PROMISE(world_row(trace, x->begin) >= 0 && (!rows || world_row(rows, x->begin) >= 0));
        }
        from = x->at + x->size;
    }
    PROMISE(edits->effective <= edits->n);
}

/* What the walk visited is what is there, and what was decided from outside is what was done. */
static void check_trace(const ef_rows *rows, const ef_rows *trace, const ef_override *given, size_t n)
{
    size_t next = 0;
    for (size_t i = 0; i < trace->n; i++) {
        const ef_row *t = &trace->v[i];
        int64_t at = world_row(rows, t->at);
        PROMISE(at >= 0);
        PROMISE(same_row(t, &rows->v[at]));
        while (next < n && given[next].at < t->at) next++;
        if (next == n || given[next].at != t->at) continue;
        /* The core's own (-2) and a sequence that is reset as a whole go before. */
        PROMISE(t->rule == -2 || t->rule == given[next].rule || t->verb == EF_RESET || t->tag == 0xFFFEE000u);
        PROMISE(t->rule != given[next].rule || t->verb == given[next].verb || t->verb == EF_RESET);
    }
}

/* Nothing passes without a decision: each element was visited, or lies in one that was kept or taken out as a whole. */
static void check_complete(const ef_rows *rows, const ef_rows *trace)
{
    uint64_t decided = 0;
    for (size_t i = 0; i < rows->n; i++) {
        const ef_row *r = &rows->v[i];
        if (r->at < decided) continue;
        int64_t at = world_row(trace, r->at);
        if (at < 0) {
            PROMISE((r->tag & 0xFFFF) == 0 && r->vr == EF_VR('U', 'L') && r->size == 4);    /* a group length */
            decided = r->value_at + r->size;
            continue;
        }
        int verb = trace->v[at].verb;
        int entered = verb == EF_RECURSE || verb == EF_RESET || (verb == EF_KEEP && trace->v[at].rule == -1);
        if (!entered) decided = r->value_at + r->size;
    }
}

static void scan(choice *c, ef_input *in, ef_input *window, const ef_rows *rows, int listed)
{
    ef_edits edits, other;
    ef_error err, again;
    ef_rows trace = {NULL, 0, 0, MOST_ROWS};
    ef_override *given = NULL;
    size_t n = 0;
    if (listed && !c->calm && world_draw(c, 2)) given = world_overrides(c, rows, &n);
    memset(&edits, 0, sizeof edits);
    memset(&other, 0, sizeof other);
    int status = ef_scan(in, c->start, c->enc, c->m, given, n, &edits, &trace, &err);
    PROMISE(ef_scan(window, c->start, c->enc, c->m, given, n, &other, NULL, &again) == status);
    PROMISE(status == EF_OK || (err.status == status && err.at == again.at && err.at <= c->whole.size));
    if (status == EF_OK) {
        same(&edits, &other);
        check_edits(c, &edits, listed ? rows : NULL, &trace);
        if (listed) {
            check_trace(rows, &trace, given, n);
            check_complete(rows, &trace);
        }
        PROMISE(!c->calm || (!edits.effective && listed));
    }
    ef_edits_free(&edits);
    ef_edits_free(&other);
    ef_rows_free(&trace);
    free(given);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t captured[] = {0x00080016, 0x00080018, 0x00100010, 0x0020000D, 0x7FE00010};
    ef_captured found[COUNT(captured)];
    ef_input memory, window;
    ef_rows rows;
    ef_error err;
    uint32_t n = 0;
    choice c = world_choose(data, size);
    ef_input_memory(&memory, data, size);
    world_window(&window, &c, world_draw(&c, 2) != 0);
    int listed = list(&c, &memory, &window, &rows) == EF_OK;
    scan(&c, &memory, &window, &rows, listed);
    if (ef_capture(&memory, c.start, c.enc, world_facts(), captured, COUNT(captured), found, &n, &err) == EF_OK)
        for (uint32_t i = 0; i < n; i++) PROMISE(found[i].at <= size && found[i].size <= size - found[i].at);
    ef_rows_free(&rows);
    ef_input_free(&window);
    ef_input_free(&memory);
    return 0;
}
