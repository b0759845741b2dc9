// SPDX-License-Identifier: MIT
// How long a server takes from being started to its first good answer.
#include "load.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "response.h"

enum { RETRY_US = 200, PATIENCE_SECONDS = 10, STOP_SECONDS = 5 };

extern char **environ;

static pid_t start(char **command)
{
    pid_t pid;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    int r = posix_spawnp(&pid, command[0], &actions, NULL, command, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (r != 0) {
        errno = r;
        err(1, "%s", command[0]);
    }
    return pid;
}

static void ignore_body(void *arg, const char *data, size_t len)
{
}

// Returns the status, or 0 when there is no complete answer.
static int ask(const struct load_options *o)
{
    char buffer[4096];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct response response;
    response_init(&response);
    if (connect(fd, (const struct sockaddr *)&o->address, sizeof o->address) == 0 &&
        send(fd, o->request, o->request_len, MSG_NOSIGNAL) == (ssize_t)o->request_len) {
        ssize_t n;
        while (response.state != RESPONSE_DONE && (n = recv(fd, buffer, sizeof buffer, 0)) > 0) {
            if (response_feed(&response, buffer, (size_t)n, ignore_body, NULL) < 0) {
                break;
            }
        }
        response_end(&response);
    }
    close(fd);
    return response.state == RESPONSE_DONE ? response.status : 0;
}

static void stop(pid_t pid)
{
    kill(pid, SIGTERM);
    for (int i = 0; i < STOP_SECONDS * 100; i++) {
        if (waitpid(pid, NULL, WNOHANG) == pid) {
            return;
        }
        usleep(10000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int load_first_answer(const struct load_options *o)
{
    uint64_t start_ns = load_now_ns();
    pid_t pid = start(o->command);
    int status = 0;
    uint64_t passed_ns = 0;
    while (status != 200 && passed_ns < PATIENCE_SECONDS * 1000000000ULL && waitpid(pid, NULL, WNOHANG) == 0) {
        status = ask(o);
        passed_ns = load_now_ns() - start_ns;
        if (status != 200) {
            usleep(RETRY_US);
        }
    }
    stop(pid);
    printf("{\"status\":%d,\"first_answer\":%.1f}\n", status, (double)passed_ns / 1e3);
    return status == 200 ? 0 : 1;
}
