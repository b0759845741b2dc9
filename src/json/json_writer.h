// SPDX-License-Identifier: MIT
// Writes JSON into a buffer. Commas and colons are its own business; nesting errors are assertions.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum { JSON_WRITER_MAX_DEPTH = 64 };

struct json_writer {
    struct buf *out; // borrowed
    uint32_t _depth;
    bool _needs_comma;
    bool _after_key;
    char _closers[JSON_WRITER_MAX_DEPTH];
};

void json_writer_init(struct json_writer *w, struct buf *out);

void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, struct slice name); // not escaped yet
void json_key_escaped(struct json_writer *w, struct slice escaped);

void json_write_string(struct json_writer *w, struct slice text);     // not escaped yet; invalid UTF-8 becomes U+FFFD
void json_write_escaped(struct json_writer *w, struct slice escaped); // already escaped: quotes are added, nothing else
void json_write_int(struct json_writer *w, int64_t value);
void json_write_double(struct json_writer *w, double value); // shortest form that reads back the same; not finite: null
void json_write_bool(struct json_writer *w, bool value);
void json_write_null(struct json_writer *w);
void json_write_raw(struct json_writer *w, struct slice json); // a whole value, as it is
// The same on one line, for event streams: line ends, which JSON has between its tokens only, become spaces.
void json_write_raw_line(struct json_writer *w, struct slice json);

// Shorthands for members.
void json_member_string(struct json_writer *w, struct slice name, struct slice text);
void json_member_int(struct json_writer *w, struct slice name, int64_t value);
void json_member_bool(struct json_writer *w, struct slice name, bool value);

// Appends `text` escaped, without quotes. `/` and non-ASCII stay; control characters, `"`, `\`, U+2028 and U+2029 are
// escaped.
void json_escape(struct buf *out, struct slice text);
