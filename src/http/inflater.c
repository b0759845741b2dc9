// SPDX-License-Identifier: MIT
#include "http/inflater.h"

#include <stdlib.h>
#include <zlib.h>

// What inflateInit2() takes to recognise both the gzip and the zlib header.
enum { ANY_HEADER = MAX_WBITS + 32 };

struct inflater {
    z_stream zlib;
    bool is_done;
};

bool inflater_knows(struct slice coding)
{
    return slice_eq_nocase(coding, SLICE("gzip")) || slice_eq_nocase(coding, SLICE("x-gzip")) ||
           slice_eq_nocase(coding, SLICE("deflate"));
}

struct inflater *inflater_new(void)
{
    struct inflater *inflater = mem_zalloc(sizeof(*inflater));
    if (inflateInit2(&inflater->zlib, ANY_HEADER) != Z_OK) {
        abort(); // out of memory, as it is treated everywhere
    }
    return inflater;
}

void inflater_free(struct inflater *inflater)
{
    if (inflater) {
        inflateEnd(&inflater->zlib);
        mem_free(inflater);
    }
}

enum inflate_result inflater_run(struct inflater *inflater, struct slice *packed_io, char *out, size_t room,
                                 size_t *n_r)
{
    z_stream *zlib = &inflater->zlib;
    *n_r = 0;
    if (inflater->is_done) {
        *packed_io = SLICE_EMPTY;
        return INFLATE_DONE;
    }
    zlib->next_in = (Bytef *)packed_io->ptr;
    zlib->avail_in = (uInt)packed_io->len;
    zlib->next_out = (Bytef *)out;
    zlib->avail_out = (uInt)room;
    int r = inflate(zlib, Z_NO_FLUSH);
    *n_r = room - zlib->avail_out;
    *packed_io = slice_after(*packed_io, packed_io->len - zlib->avail_in);
    if (r == Z_STREAM_END) {
        inflater->is_done = true;
        return INFLATE_DONE;
    }
    // Z_BUF_ERROR only says that there was nothing to do: no input, or no room.
    if (r != Z_OK && r != Z_BUF_ERROR) {
        return INFLATE_BAD;
    }
    return zlib->avail_out == 0 ? INFLATE_NEED_ROOM : INFLATE_NEED_INPUT;
}
