# cython: language_level=3, boundscheck=False, wraparound=False
# distutils: language = c
"""Compiled half of dicom/core.py; see there for the meaning of everything. Only core.py imports this module."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EINTR, errno
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from effacer_server.errors import Reason, Refused

cdef extern from "<unistd.h>" nogil:
    ctypedef long ssize_t
    ssize_t pread(int fd, void *to, size_t n, int64_t at)

cdef extern from "core.h" nogil:
    int EF_OK, EF_TWO_STEPS, EF_BAD_VR, EF_ELEMENT_ORDER, EF_WATCHED, EF_WAIT, EF_CUT, EF_SET, EF_PATCH, EF_DROP, EF_INSERT, EF_PH_UID, EF_VALUE_TOO_LONG
    uint64_t EF_ROOT_PATH
    size_t EF_AHEAD_MOST

    ctypedef struct ef_error:
        int status
        uint32_t tag
        uint16_t vr
        uint64_t at

    ctypedef int (*ef_fetch)(void *ctx, uint64_t at, uint8_t *to, size_t n) noexcept nogil

    ctypedef struct ef_input:
        uint64_t size
        uint8_t *buf
        size_t cap

    void ef_input_memory(ef_input *input, const uint8_t *data, uint64_t size)
    void ef_input_fetch(ef_input *input, uint64_t size, ef_fetch fetch, void *ctx, size_t ahead)
    void ef_input_rest(ef_input *input)
    void ef_input_free(ef_input *input)
    const uint8_t *ef_at(ef_input *input, uint64_t at, size_t n)

    ctypedef struct ef_placeholder:
        uint16_t vr
        uint8_t kind
        uint8_t len
        char text[32]

    ctypedef struct ef_masked_vr:
        uint32_t tag
        uint32_t mask
        uint16_t vr

    ctypedef struct ef_facts:
        ef_masked_vr *masked
        uint32_t n_masked
        uint32_t *standard
        uint32_t n_standard
        ef_placeholder *placeholder

    int ef_vr_index(uint16_t vr)
    int ef_is_known(const ef_facts *f, uint32_t tag)
    int ef_facts_dict(ef_facts *f, const uint32_t *tags, const uint16_t *vrs, uint32_t n)
    int ef_facts_uids(ef_facts *f, const char *joined, uint32_t size)
    void ef_facts_free(ef_facts *f)

    ctypedef struct ef_uid_key:
        pass

    void ef_uid_key_init(ef_uid_key *k, const uint8_t *key, size_t key_len, const char *root, size_t root_len)
    void ef_uid_key_md5(ef_uid_key *k, const char *root, size_t root_len)
    void ef_hmac(const ef_uid_key *k, const uint8_t *msg, size_t n, uint8_t *out)
    size_t ef_uid_map(const ef_uid_key *k, const uint8_t *uid, size_t n, char *out)

    ctypedef struct ef_rule:
        uint32_t tag
        uint32_t mask
        uint16_t vr
        int16_t creator
        uint8_t root
        uint8_t nested
        uint8_t as_attribute

    ctypedef struct ef_nested:
        uint64_t path
        uint32_t rule
        uint8_t verb

    uint64_t ef_path(uint64_t outer, uint32_t sequence)

    ctypedef struct ef_insert:
        uint32_t tag
        uint32_t len
        const uint8_t *bytes

    ctypedef struct ef_matcher:
        const ef_facts *facts
        ef_rule *rules
        uint32_t n_rules
        char **creators
        uint32_t n_creators
        ef_nested *nested
        uint32_t n_nested
        uint8_t default_verb
        uint8_t waits
        ef_insert *inserts
        uint32_t n_inserts
        uint32_t *watch
        uint32_t n_watch
        ef_uid_key uid

    int ef_matcher_index(ef_matcher *m)
    void ef_matcher_free(ef_matcher *m)

    ctypedef struct ef_edit:
        uint64_t begin
        uint64_t at
        uint64_t size
        uint64_t value_at
        uint64_t value_size
        uint32_t tag
        uint16_t vr
        uint8_t kind
        uint8_t verb
        uint8_t depth
        uint8_t length_size
        int32_t rule
        uint32_t new_at
        uint32_t new_len
        uint64_t charset_at

    ctypedef struct ef_watch:
        uint32_t tag
        uint8_t present
        uint8_t is_new
        int64_t edit
        uint64_t at
        uint64_t size

    ctypedef struct ef_edits:
        ef_edit *v
        size_t n
        size_t cap
        uint8_t *arena
        size_t arena_cap
        size_t effective
        ef_watch *watch
        uint32_t n_watch

    void ef_edits_free(ef_edits *e)

    ctypedef struct ef_encoding:
        uint8_t implicit
        uint8_t big_endian

    ctypedef struct ef_meta:
        uint64_t start
        uint64_t ts_at
        uint32_t ts_len
        uint64_t class_at
        uint32_t class_len

    int ef_read_meta(ef_input *input, ef_meta *meta, ef_error *err)
    ctypedef struct ef_row:
        uint64_t at
        uint64_t value_at
        uint64_t size
        uint32_t tag
        uint16_t vr
        uint8_t depth
        uint8_t verb
        int32_t rule

    ctypedef struct ef_rows:
        ef_row *v
        size_t n
        size_t most

    void ef_rows_free(ef_rows *rows)

    ctypedef struct ef_override:
        uint64_t at
        uint8_t verb
        int32_t rule

    int ef_scan(ef_input *input, uint64_t start, ef_encoding enc, const ef_matcher *m, const ef_override *overrides,
                size_t n_overrides, ef_edits *out, ef_rows *trace, ef_error *err)
    int ef_list(ef_input *input, uint64_t start, ef_encoding enc, const ef_facts *f, ef_rows *out, ef_error *err)

    ctypedef struct ef_segment:
        uint64_t at
        uint64_t len
        int is_new

    ctypedef struct ef_output:
        uint8_t *bytes
        size_t cap
        ef_segment *seg
        size_t n_seg
        size_t cap_seg
        size_t effective
        ef_watch *watch
        uint32_t n_watch

    ctypedef struct ef_value:
        const uint8_t *bytes
        size_t len

    int ef_splice(ef_input *input, const ef_edits *e, const ef_matcher *m, const ef_value *values, ef_output *out, ef_error *err)
    int ef_rewrite(ef_input *input, uint64_t start, ef_encoding enc, const ef_matcher *m, const ef_override *overrides,
                   size_t n_overrides, ef_output *out, ef_error *err)
    void ef_output_free(ef_output *out)

    ctypedef struct ef_captured:
        uint32_t tag
        uint16_t vr
        uint64_t at
        uint64_t size

    int ef_capture(ef_input *input, uint64_t start, ef_encoding enc, const ef_facts *f, const uint32_t *tags, uint32_t n,
                   ef_captured *out, uint32_t *n_out, ef_error *err)


# Order of enum ef_status behind EF_OK.
cdef tuple _REASONS = (
    None, Reason.NOT_DICOM, Reason.NO_TRANSFER_SYNTAX, Reason.TRUNCATED, Reason.BAD_LENGTH, Reason.BAD_VR, Reason.BAD_ITEM,
    Reason.TOO_DEEP, Reason.DUPLICATE_TAG, Reason.ELEMENT_ORDER, Reason.VR_MISMATCH, Reason.VALUE_TOO_LONG, Reason.IO,
)


cdef object _vr_text(uint16_t vr):
    cdef int a = vr >> 8, b = vr & 0xFF
    if 65 <= a <= 90 and 65 <= b <= 90:
        return chr(a) + chr(b)
    return ""


# What the dictionary knows: the facts made last.
cdef ef_facts *_known = NULL
cdef object _known_by = None


cdef object _refusal(ef_error *err):
    """Where a length lies, what looks like a tag or VR may be bytes of a value: a tag that is not in the dictionary is not
    told, nor what is no VR; the position is.
    """
    cdef bint told
    if err.status >= len(_REASONS):
        return MemoryError()
    # Private creators that come late were compared with those of the plan.
    told = (_known != NULL and ef_is_known(_known, err.tag)) or err.status == EF_ELEMENT_ORDER
    vr = "" if err.status == EF_BAD_VR else _vr_text(err.vr)
    return Refused(_REASONS[err.status], err.tag if told and err.tag else None, vr, err.at)


cdef int _pread(void *ctx, uint64_t at, uint8_t *to, size_t n) noexcept nogil:
    cdef int fd = (<int *> ctx)[0]
    cdef ssize_t got
    while n:
        got = pread(fd, to, n, <int64_t> at)
        if got < 0 and errno == EINTR:
            continue
        if got <= 0:
            return -1
        to += got
        at += <uint64_t> got
        n -= <size_t> got
    return 0


cdef int _call(void *ctx, uint64_t at, uint8_t *to, size_t n) noexcept with gil:
    cdef bytes data
    cdef Source source = <Source> ctx
    try:
        data = source.reader_of(at, n)
    except BaseException as error:
        source.failure = error
        return -1
    if <size_t> PyBytes_GET_SIZE(data) != n:
        return -1
    memcpy(to, PyBytes_AS_STRING(data), n)
    return 0


# Windows of sources that are gone, for the next ones: fresh memory costs its page faults. Touched under the lock alone.
cdef enum:
    _KEPT_WINDOWS = 48
cdef uint8_t *_windows[_KEPT_WINDOWS]
cdef int _n_windows = 0

# Most elements of one instance that are told to Python, one by one.
cdef enum:
    _MOST_ROWS = 1000000


cdef void _take_window(ef_input *input) noexcept:
    global _n_windows
    if input.cap:
        return
    if _n_windows:
        _n_windows -= 1
        input.buf = _windows[_n_windows]
    else:
        input.buf = <uint8_t *> malloc(EF_AHEAD_MOST)
    input.cap = EF_AHEAD_MOST if input.buf else 0


cdef void _give_window(ef_input *input) noexcept:
    global _n_windows
    if input.cap == EF_AHEAD_MOST and _n_windows < _KEPT_WINDOWS:
        _windows[_n_windows] = input.buf
        _n_windows += 1
        input.buf = NULL
        input.cap = 0


cdef class Source:
    """See core.py."""

    cdef Py_buffer view
    cdef bint has_view
    cdef int _fd
    cdef readonly uint64_t size
    cdef ef_input input     # keeps its window from call to call; a source is for one thread at a time
    cdef object reader_of
    cdef object failure
    cdef object owner       # of the descriptor, where that is ours to close

    def __cinit__(self, data=None, *, int fd=-1, uint64_t size=0, size_t ahead=16384, reader=None):
        memset(&self.input, 0, sizeof(self.input))
        self.has_view = False
        self._fd = fd
        self.size = size
        self.reader_of = reader
        if data is not None:
            PyObject_GetBuffer(data, &self.view, PyBUF_SIMPLE)
            self.has_view = True
            self.size = <uint64_t> self.view.len
            ef_input_memory(&self.input, <const uint8_t *> self.view.buf, self.size)
        elif reader is not None:
            ef_input_fetch(&self.input, size, _call, <void *> self, ahead)
        else:
            ef_input_fetch(&self.input, size, _pread, &self._fd, ahead)
        if data is None and size >= EF_AHEAD_MOST:
            _take_window(&self.input)

    def __dealloc__(self):
        _give_window(&self.input)
        ef_input_free(&self.input)
        if self.has_view:
            PyBuffer_Release(&self.view)

    @staticmethod
    def file(int fd, uint64_t size, size_t ahead=16384):
        return Source(fd=fd, size=size, ahead=ahead)

    @staticmethod
    def spooled(spool, uint64_t size):
        cdef Source source
        spool.flush()
        if spool._rolled:
            source = Source(fd=spool.fileno(), size=size)
            source.owner = spool
            return source
        spool.seek(0)
        data = spool.read()
        spool.close()
        return Source(data)

    @staticmethod
    def reader(read, uint64_t size, size_t ahead=65536):
        return Source(reader=read, size=size, ahead=ahead)

    @property
    def fd(self):
        return self._fd if self._fd >= 0 else None

    cdef object refusal(self, ef_error *err):
        failure, self.failure = self.failure, None
        return failure if failure is not None else _refusal(err)

    def rest(self):
        if not self.has_view:
            _give_window(&self.input)
            ef_input_rest(&self.input)

    cdef bytes near(self, uint64_t at, uint64_t size):
        """A value that most likely lies in the window."""
        cdef const uint8_t *p = ef_at(&self.input, at, size) if size <= EF_AHEAD_MOST else NULL
        if p:
            return PyBytes_FromStringAndSize(<const char *> p, <Py_ssize_t> size)
        return self.read(at, size)

    def read(self, uint64_t at, uint64_t size):
        if at > self.size or size > self.size - at:
            raise Refused(Reason.TRUNCATED, position=at)
        cdef bytes out
        cdef char *to
        cdef int failed
        if self.has_view:
            return PyBytes_FromStringAndSize(<const char *> self.view.buf + at, <Py_ssize_t> size)
        if self.reader_of is not None:
            out = self.reader_of(at, size)
            if <uint64_t> PyBytes_GET_SIZE(out) != size:
                raise Refused(Reason.IO, position=at)
            return out
        out = PyBytes_FromStringAndSize(NULL, <Py_ssize_t> size)
        to = PyBytes_AS_STRING(out)
        with nogil:
            failed = _pread(&self._fd, at, <uint8_t *> to, size)
        if failed:
            raise Refused(Reason.IO, position=at)
        return out


cdef class Facts:
    """The tables the core needs; made once by core.py."""

    cdef ef_facts f

    def __cinit__(self, dictionary, masked, uids, standard, placeholders):
        cdef uint32_t n = <uint32_t> len(dictionary), i
        cdef uint32_t *tags = <uint32_t *> malloc((n + 1) * sizeof(uint32_t))
        cdef uint16_t *vrs = <uint16_t *> malloc((n + 1) * sizeof(uint16_t))
        cdef bytes joined = b"".join(uid.encode() + b"\0" for uid in uids)
        cdef bytes text
        cdef uint16_t code
        cdef ef_placeholder *ph
        memset(&self.f, 0, sizeof(self.f))
        self.f.masked = <ef_masked_vr *> calloc(len(masked) + 1, sizeof(ef_masked_vr))
        self.f.standard = <uint32_t *> calloc(len(standard) + 1, sizeof(uint32_t))
        if not self.f.masked or not self.f.standard:
            raise MemoryError
        for i, (tag, mask, vr) in enumerate(masked):
            if vr == "SQ" and mask & 0xFFFF != 0xFFFF:
                raise ValueError("a repeating sequence whose element number is not fixed")
            self.f.masked[i].tag = tag
            self.f.masked[i].mask = mask
            self.f.masked[i].vr = (ord(vr[0]) << 8) | ord(vr[1])
        self.f.n_masked = <uint32_t> len(masked)
        try:
            if not tags or not vrs:
                raise MemoryError
            for i, (tag, vr) in enumerate(dictionary):
                tags[i] = tag
                vrs[i] = (ord(vr[0]) << 8) | ord(vr[1])
            if ef_facts_dict(&self.f, tags, vrs, n):
                raise MemoryError
        finally:
            free(tags)
            free(vrs)
        if ef_facts_uids(&self.f, joined, <uint32_t> len(joined)):
            raise MemoryError
        for i, tag in enumerate(sorted(standard)):
            self.f.standard[i] = tag
        self.f.n_standard = <uint32_t> len(standard)
        for vr, kind, value in placeholders:
            text = value.encode("ascii")
            code = (ord(vr[0]) << 8) | ord(vr[1])
            if len(text) > 32 or ef_vr_index(code) < 0:
                raise ValueError(vr)
            ph = &self.f.placeholder[ef_vr_index(code)]
            ph.vr = code
            ph.kind = kind
            ph.len = <uint8_t> len(text)
            memcpy(ph.text, PyBytes_AS_STRING(text), len(text))
        global _known, _known_by
        _known, _known_by = &self.f, self

    def __dealloc__(self):
        ef_facts_free(&self.f)


cdef void _uid_key(ef_uid_key *k, bytes key, bytes root, str derivation) except *:
    if derivation == "md5":
        ef_uid_key_md5(k, root, len(root))
    elif derivation == "hmac":
        ef_uid_key_init(k, <const uint8_t *> PyBytes_AS_STRING(key), len(key), root, len(root))
    else:
        raise ValueError(derivation)


cdef class Matcher:
    """See core.py."""

    cdef ef_matcher m
    cdef Facts facts

    def __cinit__(self, Facts facts, rules, int default_verb, inserts, watch, bytes uid_key, str uid_root, nested, str derivation,
                  attributes):
        cdef uint32_t i, n = <uint32_t> len(rules)
        cdef uint64_t path
        cdef bytes raw, root = uid_root.encode("ascii")
        cdef uint8_t *copy
        memset(&self.m, 0, sizeof(self.m))
        self.facts = facts
        self.m.facts = &facts.f
        if len(root) > 24:
            raise ValueError("uid_root is longer than 24 characters")
        self.m.rules = <ef_rule *> calloc(n + 1, sizeof(ef_rule))
        creators = sorted({rule[3] for rule in rules if rule[3]})
        self.m.creators = <char **> calloc(len(creators) + 1, sizeof(char *))
        self.m.inserts = <ef_insert *> calloc(len(inserts) + 1, sizeof(ef_insert))
        self.m.nested = <ef_nested *> calloc(len(nested) + 1, sizeof(ef_nested))
        if not self.m.rules or not self.m.creators or not self.m.inserts or not self.m.nested:
            raise MemoryError
        if len(creators) > 0x7FFF:
            raise ValueError("too many private creators")
        for sequences, rule, verb in nested:
            path = EF_ROOT_PATH
            for tag in sequences:
                path = ef_path(path, tag)
            self.m.nested[self.m.n_nested].path = path
            self.m.nested[self.m.n_nested].rule = rule
            self.m.nested[self.m.n_nested].verb = verb
            self.m.n_nested += 1
        index = {creator: at for at, creator in enumerate(creators)}
        for i, creator in enumerate(creators):
            raw = creator.encode("utf-8") + b"\0"
            self.m.creators[i] = <char *> malloc(len(raw))
            if not self.m.creators[i]:
                raise MemoryError
            memcpy(self.m.creators[i], PyBytes_AS_STRING(raw), len(raw))
            self.m.n_creators = i + 1
        for i, (tag, mask, vr, creator, root_verb, nested_verb) in enumerate(rules):
            self.m.rules[i].tag = tag
            self.m.rules[i].mask = mask
            self.m.rules[i].vr = (ord(vr[0]) << 8) | ord(vr[1]) if vr else 0
            self.m.rules[i].creator = index[creator] if creator else -1
            self.m.rules[i].root = root_verb
            self.m.rules[i].nested = nested_verb
        self.m.n_rules = n
        for at in attributes:
            if not 0 <= at < n:
                raise IndexError(at)
            self.m.rules[<size_t> at].as_attribute = 1
        self.m.default_verb = default_verb
        for i, (tag, raw) in enumerate(sorted(inserts)):
            copy = <uint8_t *> malloc(len(raw) + 1)
            if not copy:
                raise MemoryError
            memcpy(copy, PyBytes_AS_STRING(raw), len(raw))
            self.m.inserts[i].tag = tag
            self.m.inserts[i].len = <uint32_t> len(raw)
            self.m.inserts[i].bytes = copy
            self.m.n_inserts = i + 1
        if len(watch) > EF_WATCHED:
            raise ValueError("too many watched tags")
        for i, tag in enumerate(watch):
            self.m.watch[i] = tag
        self.m.n_watch = <uint32_t> len(watch)
        _uid_key(&self.m.uid, uid_key, root, derivation)
        if ef_matcher_index(&self.m):
            raise MemoryError

    def __dealloc__(self):
        ef_matcher_free(&self.m)


# Memory of edits that are gone, for the next ones: growing anew each time costs more than the walk over a report.
cdef enum:
    _KEPT_EDITS = 40
    _MOST_KEPT = 1 << 18    # bytes
cdef ef_edits _edits[_KEPT_EDITS]
cdef int _n_edits = 0


cdef class Edits:
    """See core.py."""

    cdef ef_edits e
    cdef ef_rows trace
    cdef Matcher matcher
    cdef Source source

    def __cinit__(self):
        global _n_edits
        if _n_edits:
            _n_edits -= 1
            self.e = _edits[_n_edits]

    def __dealloc__(self):
        global _n_edits
        if _n_edits < _KEPT_EDITS and self.e.cap * sizeof(ef_edit) <= _MOST_KEPT and self.e.arena_cap <= _MOST_KEPT:
            _edits[_n_edits] = self.e
            _n_edits += 1
        else:
            ef_edits_free(&self.e)
        ef_rows_free(&self.trace)

    @property
    def count(self):
        return self.e.effective

    def final(self, uint32_t tag):
        cdef uint32_t i
        cdef ef_edit *x
        for i in range(self.e.n_watch):
            if self.e.watch[i].tag != tag:
                continue
            if not self.e.watch[i].present:
                return None
            if self.e.watch[i].edit < 0:
                return self.source.near(self.e.watch[i].at, self.e.watch[i].size)
            x = &self.e.v[self.e.watch[i].edit]
            if x.kind != EF_SET:
                return None
            return PyBytes_FromStringAndSize(<char *> self.e.arena + x.new_at + x.length_size, x.new_len - x.length_size)
        raise KeyError(tag)

    def rows(self):
        cdef size_t i
        cdef ef_edit *x
        out = []
        for i in range(self.e.n):
            x = &self.e.v[i]
            new = None
            if x.kind == EF_SET:
                kind = "set"
                new = PyBytes_FromStringAndSize(<char *> self.e.arena + x.new_at + x.length_size, x.new_len - x.length_size)
            elif x.kind == EF_INSERT:
                kind = "insert"
                new = PyBytes_FromStringAndSize(<char *> self.matcher.m.inserts[x.new_at].bytes, self.matcher.m.inserts[x.new_at].len)
            elif x.kind == EF_CUT:
                kind = "cut"
            elif x.kind == EF_WAIT:
                kind = "wait"
            else:
                continue
            out.append((x.tag, _vr_text(x.vr), x.verb, x.depth, x.rule, x.begin, x.value_size, kind, new))
        return out

    def decisions(self, below=()):
        return _rows(&self.trace, below)

    def pending(self):
        cdef size_t i
        cdef ef_edit *x
        out = []
        for i in range(self.e.n):
            x = &self.e.v[i]
            if x.kind == EF_WAIT:
                out.append((i, x.tag, _vr_text(x.vr), x.verb, x.value_at, x.value_size, x.charset_at, x.new_len))
        return out


cdef list _rows(ef_rows *rows, below=()):
    """All of them, or only elements with the tags of `below` and what these hold."""
    cdef size_t i
    cdef ef_row *x
    cdef int inside = -1        # depth of the element whose content is taken
    cdef uint32_t wanted[16]
    cdef int n = len(below), k
    if n > 16:
        raise ValueError("too many tags")
    for k, tag in enumerate(below):
        wanted[k] = tag
    out = []
    for i in range(rows.n):
        x = &rows.v[i]
        if n:
            if x.depth <= inside:
                inside = -1
            if inside < 0:
                for k in range(n):
                    if wanted[k] == x.tag:
                        inside = x.depth
                if inside < 0:
                    continue
        out.append((x.tag, _vr_text(x.vr), x.depth, x.at, x.value_at, x.size, x.verb, x.rule))
    return out


def read_meta(Source source):
    """(start, transfer syntax, SOP class) of the file meta, as stored bytes without padding."""
    cdef ef_meta meta
    cdef ef_error err
    cdef int status
    cdef const uint8_t *p
    with nogil:
        status = ef_read_meta(&source.input, &meta, &err)
    if status:
        raise source.refusal(&err)
    if meta.ts_len > 128 or meta.class_len > 128:
        raise Refused(Reason.BAD_LENGTH, 0x00020010 if meta.ts_len > 128 else 0x00020002, "UI", meta.ts_at)
    p = ef_at(&source.input, meta.ts_at, meta.ts_len)
    if not p:
        raise Refused(Reason.IO, position=meta.ts_at)
    syntax = PyBytes_FromStringAndSize(<const char *> p, meta.ts_len)
    p = ef_at(&source.input, meta.class_at, meta.class_len)
    if not p and meta.class_len:
        raise Refused(Reason.IO, position=meta.class_at)
    sop_class = PyBytes_FromStringAndSize(<const char *> p, meta.class_len) if meta.class_len else b""
    return meta.start, syntax, sop_class


cdef object _row_refusal(Source source, ef_error *err, ef_rows *rows):
    if err.status == EF_VALUE_TOO_LONG and rows.n == rows.most:
        return Refused(Reason.TOO_LARGE, position=err.at)
    return source.refusal(err)


cdef ef_override *_overrides(overrides) except? NULL:
    """To be freed by the caller; NULL for none."""
    cdef size_t i
    cdef ef_override *given
    if not overrides:
        return NULL
    given = <ef_override *> calloc(len(overrides), sizeof(ef_override))
    if not given:
        raise MemoryError
    for i, (at, verb, rule) in enumerate(overrides):
        given[i].at = at
        given[i].verb = verb
        given[i].rule = rule
        if i and given[i].at <= given[i - 1].at:
            free(given)
            raise ValueError("overrides must ascend")
    return given


def scan(Source source, uint64_t start, bint implicit, bint big_endian, Matcher matcher, overrides, bint trace):
    cdef Edits edits = Edits.__new__(Edits)
    cdef ef_error err
    cdef ef_encoding enc
    cdef int status
    cdef size_t n = len(overrides)
    cdef ef_override *given = _overrides(overrides)
    edits.trace.most = _MOST_ROWS
    enc.implicit = implicit
    enc.big_endian = big_endian
    edits.matcher = matcher
    edits.source = source
    with nogil:
        status = ef_scan(&source.input, start, enc, &matcher.m, given, n, &edits.e, &edits.trace if trace else NULL, &err)
    free(given)
    if status:
        raise _row_refusal(source, &err, &edits.trace)
    return edits


def elements(Source source, uint64_t start, bint implicit, bint big_endian, Facts facts):
    cdef ef_rows rows
    cdef ef_error err
    cdef ef_encoding enc
    cdef int status
    memset(&rows, 0, sizeof(rows))
    rows.most = _MOST_ROWS
    enc.implicit = implicit
    enc.big_endian = big_endian
    with nogil:
        status = ef_list(&source.input, start, enc, &facts.f, &rows, &err)
    try:
        if status:
            raise _row_refusal(source, &err, &rows)
        return [row[:6] for row in _rows(&rows)]
    finally:
        ef_rows_free(&rows)


# Memory of outputs that are gone, as that of edits.
cdef enum:
    _KEPT_OUTPUTS = 8
    _MOST_KEPT_OUTPUT = 1 << 20     # bytes
cdef ef_output _outputs[_KEPT_OUTPUTS]
cdef int _n_outputs = 0


cdef void _take_output(ef_output *out) noexcept:
    global _n_outputs
    if _n_outputs:
        _n_outputs -= 1
        out[0] = _outputs[_n_outputs]
    else:
        memset(out, 0, sizeof(ef_output))


cdef void _give_output(ef_output *out) noexcept:
    global _n_outputs
    if _n_outputs < _KEPT_OUTPUTS and out.cap <= _MOST_KEPT_OUTPUT and out.cap_seg * sizeof(ef_segment) <= _MOST_KEPT_OUTPUT:
        _outputs[_n_outputs] = out[0]
        _n_outputs += 1
    else:
        ef_output_free(out)


cdef list _segments(ef_output *out):
    cdef size_t i
    segments = []
    for i in range(out.n_seg):
        if out.seg[i].is_new:
            segments.append(PyBytes_FromStringAndSize(<char *> out.bytes + out.seg[i].at, <Py_ssize_t> out.seg[i].len))
        else:
            segments.append((out.seg[i].at, out.seg[i].len))
    return segments


def splice(Source source, Edits edits, dict values):
    cdef ef_error err
    cdef ef_output out
    cdef ef_value *given = NULL
    cdef int status
    cdef size_t i
    cdef bytes value
    for i in range(edits.e.n):
        if edits.e.v[i].kind == EF_WAIT and i not in values:
            raise KeyError("a pending edit has no value")
    if values:
        given = <ef_value *> calloc(edits.e.n, sizeof(ef_value))
        if not given:
            raise MemoryError
        for at, value in values.items():
            if not 0 <= at < edits.e.n:
                free(given)
                raise IndexError(at)
            given[<size_t> at].bytes = <const uint8_t *> PyBytes_AS_STRING(value)
            given[<size_t> at].len = PyBytes_GET_SIZE(value)
    _take_output(&out)
    with nogil:
        status = ef_splice(&source.input, &edits.e, &edits.matcher.m, given, &out, &err)
    free(given)
    try:
        if status:
            raise source.refusal(&err)
        return _segments(&out)
    finally:
        _give_output(&out)


def rewrite(Source source, uint64_t start, bint implicit, bint big_endian, Matcher matcher, overrides):
    """None, or (segments, number of changes, value of each watched tag or None)."""
    cdef ef_error err
    cdef ef_encoding enc
    cdef ef_output out
    cdef ef_watch *x
    cdef int status
    cdef uint32_t i
    cdef size_t n = len(overrides)
    cdef ef_override *given
    cdef bytes value
    if matcher.m.waits:
        return None
    given = _overrides(overrides)
    enc.implicit = implicit
    enc.big_endian = big_endian
    _take_output(&out)
    with nogil:
        status = ef_rewrite(&source.input, start, enc, &matcher.m, given, n, &out, &err)
    free(given)
    try:
        if status == EF_TWO_STEPS:
            return None
        if status:
            raise source.refusal(&err)
        finals = []
        for i in range(out.n_watch):
            x = &out.watch[i]
            if not x.present:
                finals.append(None)
            elif x.is_new:
                value = PyBytes_FromStringAndSize(<char *> out.bytes + x.at, <Py_ssize_t> x.size)
                finals.append(value)
            else:
                finals.append(source.near(x.at, x.size))
        return _segments(&out), out.effective, finals
    finally:
        _give_output(&out)


def capture(Source source, uint64_t start, bint implicit, bint big_endian, Facts facts, tuple tags):
    """[(tag, vr, value)] of root elements; tags ascending."""
    cdef ef_error err
    cdef ef_encoding enc
    cdef uint32_t n = <uint32_t> len(tags), n_out = 0, i
    cdef uint32_t *wanted = <uint32_t *> malloc((n + 1) * sizeof(uint32_t))
    cdef ef_captured *found = <ef_captured *> malloc((n + 1) * sizeof(ef_captured))
    cdef const uint8_t *p
    cdef int status
    enc.implicit = implicit
    enc.big_endian = big_endian
    try:
        if not wanted or not found:
            raise MemoryError
        for i in range(n):
            wanted[i] = tags[i]
        if n == 0:
            return []
        with nogil:
            status = ef_capture(&source.input, start, enc, &facts.f, wanted, n, found, &n_out, &err)
        if status:
            raise source.refusal(&err)
        out = []
        for i in range(n_out):
            if found[i].size > 65536:
                raise Refused(Reason.BAD_LENGTH, found[i].tag, _vr_text(found[i].vr), found[i].at)
            p = ef_at(&source.input, found[i].at, found[i].size)
            if not p and found[i].size:
                raise Refused(Reason.IO, found[i].tag, _vr_text(found[i].vr), found[i].at)
            out.append((found[i].tag, _vr_text(found[i].vr),
                        PyBytes_FromStringAndSize(<const char *> p, <Py_ssize_t> found[i].size) if found[i].size else b""))
        return out
    finally:
        free(wanted)
        free(found)


def map_uid(bytes key, str root, bytes uid, str derivation):
    cdef ef_uid_key k
    cdef char out[72]
    cdef bytes r = root.encode("ascii")
    cdef size_t n
    _uid_key(&k, key, r, derivation)
    n = ef_uid_map(&k, <const uint8_t *> PyBytes_AS_STRING(uid), len(uid), out)
    memset(&k, 0, sizeof(k))
    return PyBytes_FromStringAndSize(out, <Py_ssize_t> n)


def hmac_sha256(bytes key, bytes message):
    """For tests against hashlib."""
    cdef ef_uid_key k
    cdef uint8_t out[32]
    ef_uid_key_init(&k, <const uint8_t *> PyBytes_AS_STRING(key), len(key), b"", 0)
    ef_hmac(&k, <const uint8_t *> PyBytes_AS_STRING(message), len(message), out)
    return PyBytes_FromStringAndSize(<char *> out, 32)
