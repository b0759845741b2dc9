// SPDX-License-Identifier: MIT
// Counts what a text consists of, as far as tokenizers care: words, digits, signs, scripts. One vectorised pass.
#pragma once

#include <stdint.h>

#include "base/slice.h"

struct text_tally {
    uint64_t n_words; // runs of letters; "getUserName" has three
    uint64_t n_letters;
    uint64_t n_digits;
    uint64_t n_numbers;    // digits in a row
    uint64_t n_sign_runs;  // other ASCII in a row: signs, but no spaces
    uint64_t n_newlines;   // \n, \r and \t in a row
    uint64_t n_two_byte;   // Latin with accents, Greek, Cyrillic, Arabic, …; of \u those that begin with 0
    uint64_t n_three_byte; // scripts of India and around, punctuation, symbols
    uint64_t n_cjk;        // Chinese, Japanese, Korean; all other \u
    uint64_t n_four_byte;  // emoji and the like
};

// Adds the text to the tally. Escaped as in a JSON string, or JSON itself; need not be valid.
void text_tally_add(struct text_tally *tally, struct slice text);
