// SPDX-License-Identifier: MIT
// Copies of what another process may be writing or reading at this moment. Each word is whole; whether the words belong
// together, a version beside them must tell: the writer changes it before the first word and after the last, the reader
// looks at it before and after. For that, words are written with release and read with acquire, so that who sees one
// new word sees the version that was set before it, and no fence is needed.
#pragma once

#include <stddef.h>

// `shared` is aligned for 8 bytes, and always copied from the same place on. What is left of the last word is written
// as zeros, so there must be room for it.
void shared_words_write(void *shared, const void *from, size_t len);
void shared_words_zero(void *shared, size_t len);
void shared_words_read(void *to, const void *shared, size_t len);
