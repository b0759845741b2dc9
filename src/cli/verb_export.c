// SPDX-License-Identifier: MIT
// export: keys in the clear, to standard output or to a file of which only its owner can read.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_internal.h"

static bool write_all(int fd, struct slice text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        text = slice_after(text, n > 0 ? (size_t)n : 0);
    }
    return true;
}

// Never over a file that is there: it may be the last copy of something.
static int write_file(const char *path, struct slice text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool is_written = fd >= 0 && write_all(fd, text) && fsync(fd) == 0;
    if (!is_written) {
        fprintf(stderr, "droid2api: cannot write %s: %s\n", path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    if (fd >= 0 && !is_written) {
        unlink(path); // half of the keys is no export, and would be in the way of the next one
    }
    return is_written ? EXIT_DONE : EXIT_REFUSED;
}

static int put(struct command *command, struct slice text)
{
    if (command->options->output.ptr) {
        return write_file(command->options->output.ptr, text);
    }
    buf_append(&command->out, text);
    return EXIT_DONE;
}

int verb_export(struct command *command)
{
    const struct keys_options *options = command->options;
    struct buf target = BUF_EMPTY;
    struct admin_answer answer;
    buf_append(&target, SLICE("/admin/keys/export"));
    command_query(&target, "format", options->is_json ? SLICE("json") : options->format);
    command_query(&target, "status", options->status);
    command_query(&target, "poolGroup", options->pool);
    struct admin_request request = {.method = HTTP_GET, .target = buf_slice(&target)};
    admin_call(admin_link_peer(command->link), &request, &answer);
    int status = answer.status == 200 ? put(command, buf_slice(&answer.body)) : command_complain(command, &answer);
    admin_answer_deinit(&answer);
    buf_deinit(&target);
    return status;
}
