// SPDX-License-Identifier: MIT
#include "dialect/argument_scan.h"

#include "json/json_scan.h"

static void close_if_outermost(struct argument_scan *scan)
{
    if (scan->_depth == 0) {
        scan->_state = ARGUMENTS_COMPLETE;
    }
}

static void take_in_string(struct argument_scan *scan, char c)
{
    if (scan->_is_quoted) {
        scan->_is_quoted = false;
    } else if (c == '\\') {
        scan->_is_quoted = true;
    } else if (c == '"') {
        scan->_is_in_string = false;
        close_if_outermost(scan);
    }
}

static void take_outside(struct argument_scan *scan, char c)
{
    if (json_is_space(c)) {
        return;
    }
    bool is_opening = c == '"' || c == '{' || c == '[';
    if (scan->_state == ARGUMENTS_COMPLETE || (scan->_depth == 0 && !is_opening)) {
        scan->_state = ARGUMENTS_BROKEN; // or a number or a word, of which nobody can say where it ends
    } else if (c == '"') {
        scan->_state = ARGUMENTS_OPEN;
        scan->_is_in_string = true;
    } else if (c == '{' || c == '[') {
        scan->_state = ARGUMENTS_OPEN;
        scan->_depth++;
    } else if (c == '}' || c == ']') {
        scan->_depth--;
        close_if_outermost(scan);
    }
}

static void take(struct argument_scan *scan, char c)
{
    if (scan->_is_in_string) {
        take_in_string(scan, c);
    } else {
        take_outside(scan, c);
    }
}

static unsigned hex_value(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10) & 15;
}

// What a character behind a backslash stands for, as far as it matters here.
static char unescape(char c)
{
    switch (c) {
    case 'n':
    case 'r':
    case 't': return ' ';
    case 'b':
    case 'f': return '\b';
    default: return c;
    }
}

static void take_in_escape(struct argument_scan *scan, char c)
{
    if (scan->_n_digits) {
        scan->_code = (uint16_t)((unsigned)scan->_code << 4 | hex_value(c));
        scan->_n_digits--;
        if (scan->_n_digits == 0) {
            scan->_is_in_escape = false;
            take(scan, (char)(scan->_code < 0x80 ? scan->_code : 'x'));
        }
    } else if (c == 'u') {
        scan->_n_digits = 4;
        scan->_code = 0;
    } else {
        scan->_is_in_escape = false;
        take(scan, unescape(c));
    }
}

void argument_scan_feed(struct argument_scan *scan, struct slice escaped)
{
    for (size_t i = 0; i < escaped.len && scan->_state != ARGUMENTS_BROKEN; i++) {
        char c = escaped.ptr[i];
        if (scan->_is_in_escape) {
            take_in_escape(scan, c);
        } else if (c == '\\') {
            scan->_is_in_escape = true;
        } else {
            take(scan, c);
        }
    }
}
