// SPDX-License-Identifier: MIT
#include "cli/drill_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000, PAUSE_MS = 10, STATUS_NOT_STARTED = 127 };

// Between fork and exec: only what is safe there.
_Noreturn static void become(pid_t parent, const char *folder, const char *log_path, char *const *arguments,
                             char *const *environment)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool is_ready = getppid() == parent && nothing >= 0 && log >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
                    dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0 && chdir(folder) == 0;
    if (is_ready) {
        execve(arguments[0], arguments, environment);
    }
    _exit(STATUS_NOT_STARTED);
}

int drill_child_start(struct drill_child *child, const char *folder, const char *log_path, char *const *arguments,
                      char *const *environment)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(parent, folder, log_path, arguments, environment);
    }
    if (pid < 0) {
        return -errno;
    }
    child->pid = pid;
    return 0;
}

bool drill_child_is_running(struct drill_child *child)
{
    if (child->pid && waitpid(child->pid, NULL, WNOHANG) == child->pid) {
        child->pid = 0;
    }
    return child->pid;
}

void drill_child_stop(struct drill_child *child)
{
    static const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    if (!child->pid) {
        return;
    }
    kill(child->pid, SIGTERM);
    for (int waited_ms = 0; drill_child_is_running(child) && waited_ms < PATIENCE_MS; waited_ms += PAUSE_MS) {
        nanosleep(&pause, NULL);
    }
    if (child->pid) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
        child->pid = 0;
    }
}
