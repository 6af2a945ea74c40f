/* The native core: structure, never meaning.
 *
 * It walks the encoded data set of one instance (ef_scan), notes what a compiled plan (ef_matcher) wants changed as a
 * list of edits, and writes the result as segments (ef_splice): new bytes, or ranges of the input, so that pixel data
 * is never copied. It knows lengths, nesting, VRs and UIDs; policy, character sets and files are its callers' business.
 *
 * Every length is checked before use, nesting is bounded, no recursion follows the input, and each error carries the
 * byte position in the instance. Source of the encodings: PS3.5 §7 (data elements), §A.4 (encapsulated pixel data).
 */
#ifndef EFFACER_CORE_H
#define EFFACER_CORE_H

#include <stddef.h>
#include <stdint.h>

#define EF_MAX_DEPTH 64                 /* nested sequences */
#define EF_UNDEFINED 0xFFFFFFFFu        /* undefined length, PS3.5 §7.1.1 */
#define EF_INLINE 65536u                /* shorter ranges are copied into the output, longer ones are referred to */
#define EF_AHEAD_MOST 65536u            /* most bytes fetched at a time, unless more are asked for */
#define EF_WATCHED 8                    /* root elements whose final value a caller may ask for */
#define EF_VR(a, b) ((uint16_t)(((a) << 8) | (b)))

/* The same numbers as policy.plan.Verb. */
enum ef_verb {
    EF_KEEP, EF_DELETE, EF_REMOVE, EF_RESET, EF_REGEN_UID, EF_CLEAN_TEXT, EF_CLEAN_IMAGE, EF_RECURSE, EF_SHIFT_DATE
};

enum ef_status {
    EF_OK, EF_NOT_DICOM, EF_NO_TRANSFER_SYNTAX, EF_TRUNCATED, EF_BAD_LENGTH, EF_BAD_VR, EF_BAD_ITEM, EF_TOO_DEEP,
    EF_DUPLICATE_TAG, EF_ELEMENT_ORDER, EF_VR_MISMATCH, EF_VALUE_TOO_LONG, EF_IO, EF_NO_MEMORY,
    EF_TWO_STEPS                /* ef_rewrite alone: what is wanted takes ef_scan and ef_splice */
};

typedef struct { int status; uint32_t tag; uint16_t vr; uint64_t at; } ef_error;

/* ---- input: a window over the bytes of one instance ------------------------------------------------------------- */

/* Reads exactly n bytes at `at` into `to`; 0, or -1 when it cannot. */
typedef int (*ef_fetch)(void *ctx, uint64_t at, uint8_t *to, size_t n);

typedef struct {
    uint64_t size;              /* of the whole instance, in bytes */
    const uint8_t *win;         /* bytes [win_at, win_at + win_len) */
    uint64_t win_at;
    size_t win_len;
    ef_fetch fetch;             /* NULL: the window is everything */
    void *ctx;
    uint8_t *buf;               /* owned; the window of a fetched input */
    size_t cap;
    size_t ahead, ahead_most;   /* least bytes of the next fetch; doubles from fetch to fetch up to ahead_most */
} ef_input;

void ef_input_memory(ef_input *in, const uint8_t *data, uint64_t size);
void ef_input_fetch(ef_input *in, uint64_t size, ef_fetch fetch, void *ctx, size_t ahead);
void ef_input_rest(ef_input *in);       /* gives up the window of a fetched input; ef_at takes a new one */
void ef_input_free(ef_input *in);
const uint8_t *ef_move(ef_input *in, uint64_t at, size_t n);
/* n bytes at `at`, valid until the next call; NULL with in range checked by the caller: I/O or memory failed. */
static inline const uint8_t *ef_at(ef_input *in, uint64_t at, size_t n)
{
    if (at >= in->win_at && at - in->win_at <= in->win_len && n <= in->win_len - (size_t)(at - in->win_at))
        return in->win + (at - in->win_at);
    return ef_move(in, at, n);
}

/* ---- facts: what the standard's tables say, handed in once ------------------------------------------------------ */

enum ef_placeholder_kind { EF_PH_EMPTY, EF_PH_TEXT, EF_PH_REPEAT, EF_PH_ZEROS, EF_PH_UID };
typedef struct { uint16_t vr; uint8_t kind; uint8_t len; char text[32]; } ef_placeholder;

typedef struct { uint32_t tag, mask; uint16_t vr; } ef_masked_vr;

typedef struct {
    uint32_t *dict_tag; uint16_t *dict_vr; uint32_t dict_mask;      /* open addressing; empty slot: vr 0 */
    ef_masked_vr *masked; uint32_t n_masked;                        /* repeating groups */
    uint32_t sq_maybe[2048];                                        /* by hash: a bit not set says that a tag is no sequence */
    char *uids; uint32_t *uid_slot; uint32_t uid_mask, uid_common;              /* registered UIDs; slot: offset + 1 of a C string */
    uint32_t *standard; uint32_t n_standard;                        /* UI attributes that name things of the standard, ascending */
    ef_placeholder placeholder[26 * 26];                            /* by ef_vr_index; vr 0: none */
} ef_facts;

/* Place of a VR in a table of all pairs of capital letters, or -1. */
static inline int ef_vr_index(uint16_t vr)
{
    unsigned a = (vr >> 8) - 'A', b = (vr & 0xFF) - 'A';
    return a < 26 && b < 26 ? (int)(a * 26 + b) : -1;
}

/* After `masked` is set. */
int ef_facts_dict(ef_facts *f, const uint32_t *tags, const uint16_t *vrs, uint32_t n);
int ef_facts_uids(ef_facts *f, const char *joined, uint32_t size);   /* C strings one after another */
void ef_facts_free(ef_facts *f);
int ef_is_registered(const ef_facts *f, const uint8_t *uid, size_t n);
int ef_is_standard(const ef_facts *f, uint32_t tag);
/* Whether the dictionary has the tag; private elements and group lengths stand in none. */
int ef_is_known(const ef_facts *f, uint32_t tag);
/* VR of a tag by the dictionary; private elements, unknown tags: UN; private creators: LO; group lengths: UL. */
uint16_t ef_dict_vr(const ef_facts *f, uint32_t tag);
static inline uint32_t ef_sq_bit(uint32_t tag) { return (tag * 0x9e3779b1u) >> 16; }
/* Whether the dictionary has the tag as a sequence. */
static inline int ef_dict_is_sq(const ef_facts *f, uint32_t tag)
{
    uint32_t bit = ef_sq_bit(tag);
    return f->sq_maybe[bit >> 5] >> (bit & 31) & 1 && ef_dict_vr(f, tag) == EF_VR('S', 'Q');
}

/* ---- UIDs -------------------------------------------------------------------------------------------------------- */

typedef struct { uint32_t h[8]; } ef_sha256;
void ef_sha256_start(ef_sha256 *s);
void ef_sha256_block(ef_sha256 *s, const uint8_t block[64]);

enum ef_uid_kind { EF_UID_HMAC, EF_UID_MD5 };
typedef struct { ef_sha256 inner, outer; char root[32]; uint32_t root_len; uint8_t kind; } ef_uid_key;
void ef_uid_key_init(ef_uid_key *k, const uint8_t *key, size_t key_len, const char *root, size_t root_len);
/* A mapping without a key: UUIDs by name, version 3 of RFC 4122, the UID's bytes alone as the name. */
void ef_uid_key_md5(ef_uid_key *k, const char *root, size_t root_len);
/* HMAC-SHA-256 of msg under the key (FIPS 198-1). */
void ef_hmac(const ef_uid_key *k, const uint8_t *msg, size_t n, uint8_t out[32]);
/* Writes root + decimal of 128 bits, the first of the HMAC or the UUID; at most 64 characters; returns their number. */
size_t ef_uid_map(const ef_uid_key *k, const uint8_t *uid, size_t n, char out[72]);

/* ---- matcher: a plan, compiled ----------------------------------------------------------------------------------- */

typedef struct {
    uint32_t tag, mask;
    uint16_t vr;                /* 0: any */
    int16_t creator;            /* index into creators, -1: none */
    uint8_t root, nested;       /* verbs */
    uint8_t by_path;            /* some ef_nested names it */
    uint8_t as_attribute;       /* keeps what the dictionary says of the tag; text in the place of that is reset */
} ef_rule;

/* Right below the sequences of `path` (ef_path), this verb instead of the rule's nested one. */
typedef struct { uint64_t path; uint32_t rule; uint8_t verb; } ef_nested;

#define EF_ROOT_PATH 0xcbf29ce484222325u
/* The path one sequence further in. 64 bits: two paths that meet would take each other's verb for one rule, no more. */
static inline uint64_t ef_path(uint64_t outer, uint32_t sequence)
{
    uint64_t x = (outer ^ sequence) * 0x9e3779b97f4a7c15u;
    return x ^ x >> 29;
}

typedef struct { uint32_t tag; uint32_t len; const uint8_t *bytes; } ef_insert;

typedef struct {
    const ef_facts *facts;
    ef_rule *rules; uint32_t n_rules;
    uint32_t *slot_tag; int32_t *slot_rule; uint32_t slot_mask;     /* plain exact rules: first one per tag */
    uint32_t *other; uint32_t n_other;                              /* indexes of rules by mask or VR, ascending */
    uint32_t other_groups[2048];                                    /* a bit for each group that one of them may match */
    char **creators; uint32_t n_creators;
    uint32_t *by_creator; uint32_t *creator_start;                  /* indexes of rules by creator; of creator c from creator_start[c] */
    ef_nested *nested; uint32_t n_nested;
    uint32_t *nested_slot; uint32_t nested_mask;                    /* slot: index + 1 */
    uint8_t default_verb;
    uint8_t waits;              /* some rule leaves a value to the caller */
    ef_insert *inserts; uint32_t n_inserts;                         /* ascending by tag */
    uint32_t watch[EF_WATCHED]; uint32_t n_watch;
    ef_uid_key uid;
} ef_matcher;

int ef_matcher_index(ef_matcher *m);    /* builds the tables from rules and nested */
void ef_matcher_free(ef_matcher *m);
/* Index of the deciding rule, or -1 for the default. creator: index of the element's private creator, or -1. */
int32_t ef_match(const ef_matcher *m, uint32_t tag, uint16_t vr, int32_t creator);
/* First rule of this creator and group that does not delete: its creator element must stay; or -1. */
int32_t ef_match_creator(const ef_matcher *m, uint32_t tag, int32_t creator);
/* Verb of a rule right below the sequences of a path. */
int ef_nested_verb(const ef_matcher *m, uint64_t path, int32_t rule);

/* ---- edits ------------------------------------------------------------------------------------------------------- */

enum ef_kind {
    EF_CUT,         /* the range goes */
    EF_SET,         /* the range becomes new bytes */
    EF_WAIT,        /* the range becomes a length field and a value that the caller gives */
    EF_PATCH,       /* the length field of an enclosing sequence or item */
    EF_INSERT,      /* new bytes between two elements */
    EF_DROP         /* a group length: goes if anything else is edited */
};

typedef struct {
    uint64_t begin;                         /* the element's or item's first byte */
    uint64_t at, size;                      /* range of the input that is replaced */
    uint64_t value_at, value_size;          /* the element's value */
    uint32_t tag; uint16_t vr;
    uint8_t kind, verb, depth;
    uint8_t big_endian, length_size;        /* of the element's own length field: 2 or 4 bytes */
    int32_t rule;                           /* index of the deciding rule, -1 default, -2 the core's own */
    uint32_t new_at, new_len;               /* new bytes in the arena */
    uint64_t charset_at;                    /* EF_WAIT: value of the (0008,0005) in effect there, new_len bytes of it */
    uint32_t end;                           /* EF_PATCH: one past the last edit inside */
    uint32_t old_len;                       /* EF_PATCH */
} ef_edit;

/* A root element's value after the change: in the input at `at`, in the new bytes there (is_new), or made by an edit. */
typedef struct { uint32_t tag; uint8_t present, is_new; int64_t edit; uint64_t at, size; } ef_watch;

/* An element or item as it stands in the input; of a traced scan with what was decided. */
typedef struct {
    uint64_t at, value_at, size;            /* first byte; value, without delimiters */
    uint32_t tag; uint16_t vr;
    uint8_t depth, verb;
    int32_t rule;                           /* as in ef_edit */
} ef_row;
typedef struct { ef_row *v; size_t n, cap, most; } ef_rows;         /* most: EF_VALUE_TOO_LONG beyond it */
void ef_rows_free(ef_rows *rows);

typedef struct {
    ef_edit *v; size_t n, cap;
    uint8_t *arena; size_t arena_len, arena_cap;
    size_t effective;                       /* edits that are not EF_DROP or EF_PATCH */
    uint64_t start;                         /* of the data set */
    ef_watch watch[EF_WATCHED]; uint32_t n_watch;
} ef_edits;

void ef_edits_free(ef_edits *e);

typedef struct { uint8_t implicit, big_endian; } ef_encoding;

/* Preamble and file meta. Offsets of two values in the instance; start: first byte of the data set. */
typedef struct { uint64_t start; uint64_t ts_at; uint32_t ts_len; uint64_t class_at; uint32_t class_len; } ef_meta;
int ef_read_meta(ef_input *in, ef_meta *meta, ef_error *err);

/* A decision made by somebody who looked at the content: for the element that starts at `at`, or (EF_DELETE only) the item. */
typedef struct { uint64_t at; uint8_t verb; int32_t rule; } ef_override;

/* out: all zero, or with the memory of edits that are not needed any more. overrides: ascending by `at`. trace: NULL, or takes a row for every element and item the walk visits. */
int ef_scan(ef_input *in, uint64_t start, ef_encoding enc, const ef_matcher *m, const ef_override *overrides, size_t n_overrides,
            ef_edits *out, ef_rows *trace, ef_error *err);

/* All elements and items in the order of the file, sequences entered; verb and rule are 0. */
int ef_list(ef_input *in, uint64_t start, ef_encoding enc, const ef_facts *f, ef_rows *out, ef_error *err);

/* A segment: len bytes at `at` of the input (is_new 0) or of out->bytes (is_new 1). */
typedef struct { uint64_t at, len; int is_new; } ef_segment;
typedef struct {
    uint8_t *bytes; size_t len, cap;
    size_t sealed;                          /* bytes that segments name already */
    ef_segment *seg; size_t n_seg, cap_seg;
    size_t effective;                       /* ef_rewrite: changes made */
    ef_watch watch[EF_WATCHED]; uint32_t n_watch;       /* ef_rewrite: of the matcher's watched tags */
} ef_output;
typedef struct { const uint8_t *bytes; size_t len; } ef_value;      /* per edit; bytes NULL: none */

/* out: all zero, or with the memory of an output that is not needed any more. */
int ef_splice(ef_input *in, const ef_edits *e, const ef_matcher *m, const ef_value *values, ef_output *out, ef_error *err);
/* Scan and splice in one walk, without a list of edits: the same bytes, or EF_TWO_STEPS where a value waits for the caller
 * or a group length stands in front of the first change, or too many bytes would be held. out as in ef_splice. */
int ef_rewrite(ef_input *in, uint64_t start, ef_encoding enc, const ef_matcher *m, const ef_override *overrides, size_t n_overrides,
               ef_output *out, ef_error *err);
void ef_output_clear(ef_output *out);       /* keeps the memory */
void ef_output_free(ef_output *out);

/* Root elements with the given tags (ascending): where their values are. Stops behind the last tag. */
typedef struct { uint32_t tag; uint16_t vr; uint64_t at, size; } ef_captured;
int ef_capture(ef_input *in, uint64_t start, ef_encoding enc, const ef_facts *f, const uint32_t *tags, uint32_t n,
               ef_captured *out, uint32_t *n_out, ef_error *err);

#endif
