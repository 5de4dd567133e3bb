/* A disk that fails once: preloaded, it counts the calls that a process and its children make on one folder, and makes
 * the N-th of them fail, or kills the watch right after it. SQLite's own way of testing, below Python too.
 *
 * MHFD_FAULT_FOLDER   the folder, absolute
 * MHFD_FAULT_COUNTER  a file of 4096 bytes that all processes share: calls so far, then the name of the one that failed
 * MHFD_FAULT_AT       which call, from 1; 0: only count
 * MHFD_FAULT_VICTIM   who is killed: the process that runs the watch
 * MHFD_FAULT_MODE     eio, full, short (writes only: half of it, then the next one finds the disk full), kill
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct shared {
    atomic_uint calls;
    atomic_uint owed; /* the disk is full after a short write */
    char what[1000];
};
enum { PASS, FAIL, HALF, LAST };

static struct shared *counter;
static char folder[4096];
static size_t folder_length;
static unsigned at;
static char mode;
static pid_t victim;

__attribute__((constructor, visibility("default"))) void mhfd_fault_arm(void) {
    const char *where = getenv("MHFD_FAULT_COUNTER"), *below = getenv("MHFD_FAULT_FOLDER");
    const char *number = getenv("MHFD_FAULT_AT"), *how = getenv("MHFD_FAULT_MODE");
    if (!where || !below || !number || !how) return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, where, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return;
    void *found = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (found == MAP_FAILED) return;
    snprintf(folder, sizeof folder, "%s/", below);
    folder_length = strlen(folder);
    at = (unsigned)strtoul(number, NULL, 10);
    mode = how[0];
    victim = getenv("MHFD_FAULT_VICTIM") ? atoi(getenv("MHFD_FAULT_VICTIM")) : 0;
    counter = found;
}

static int fate(const char *call, const char *path, int writes) {
    if (!counter || !path || strncmp(path, folder, folder_length)) return PASS;
    if (mode == 's') {
        if (!writes) return PASS;
        if (atomic_exchange(&counter->owed, 0)) {
            errno = ENOSPC;
            return FAIL;
        }
    }
    if (atomic_fetch_add(&counter->calls, 1) + 1 != at) return PASS;
    snprintf(counter->what, sizeof counter->what, "%s %s", call, path + folder_length);
    switch (mode) {
        case 'k': return LAST;
        case 's': atomic_store(&counter->owed, 1); return HALF;
        case 'f': errno = ENOSPC; return FAIL;
        default: errno = EIO; return FAIL;
    }
}

static int fate_of(const char *call, int fd, int writes) {
    if (!counter) return PASS;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (length <= 0) return PASS;
    path[length] = 0;
    return fate(call, path, writes);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define DONE(result) do { if (next == LAST && victim > 0) kill(victim, SIGKILL); return result; } while (0)
#define ON_PATH(name, path, writes) \
    int next = fate(#name, path, writes); \
    if (next == FAIL) return -1
#define ON_FILE(name, fd, writes) \
    int next = fate_of(#name, fd, writes); \
    if (next == FAIL) return -1

#define OPENS(name) \
    int name(const char *path, int flags, ...) { \
        mode_t rights = 0; \
        if (flags & (O_CREAT | __O_TMPFILE)) { va_list more; va_start(more, flags); rights = va_arg(more, mode_t); va_end(more); } \
        ON_PATH(name, path, 0); \
        int result = REAL(name)(path, flags, rights); \
        DONE(result); \
    }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name) \
    int name(int base, const char *path, int flags, ...) { \
        mode_t rights = 0; \
        if (flags & (O_CREAT | __O_TMPFILE)) { va_list more; va_start(more, flags); rights = va_arg(more, mode_t); va_end(more); } \
        ON_PATH(name, path, 0); \
        int result = REAL(name)(base, path, flags, rights); \
        DONE(result); \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

ssize_t write(int fd, const void *data, size_t size) {
    ON_FILE(write, fd, 1);
    ssize_t result = REAL(write)(fd, data, next == HALF ? (size + 1) / 2 : size);
    DONE(result);
}
#define WRITES_AT(name, offset_type) \
    ssize_t name(int fd, const void *data, size_t size, offset_type offset) { \
        ON_FILE(name, fd, 1); \
        ssize_t result = REAL(name)(fd, data, next == HALF ? (size + 1) / 2 : size, offset); \
        DONE(result); \
    }
WRITES_AT(pwrite, off_t)
WRITES_AT(pwrite64, off64_t)
ssize_t writev(int fd, const struct iovec *parts, int count) {
    ON_FILE(writev, fd, 0);
    ssize_t result = REAL(writev)(fd, parts, count);
    DONE(result);
}
int fsync(int fd) { ON_FILE(fsync, fd, 0); int result = REAL(fsync)(fd); DONE(result); }
int fdatasync(int fd) { ON_FILE(fdatasync, fd, 0); int result = REAL(fdatasync)(fd); DONE(result); }
int ftruncate(int fd, off_t size) { ON_FILE(ftruncate, fd, 0); int result = REAL(ftruncate)(fd, size); DONE(result); }
int ftruncate64(int fd, off64_t size) { ON_FILE(ftruncate64, fd, 0); int result = REAL(ftruncate64)(fd, size); DONE(result); }
int rename(const char *from, const char *to) { ON_PATH(rename, to, 0); int result = REAL(rename)(from, to); DONE(result); }
int renameat(int base, const char *from, int other, const char *to) {
    ON_PATH(renameat, to, 0);
    int result = REAL(renameat)(base, from, other, to);
    DONE(result);
}
int link(const char *from, const char *to) { ON_PATH(link, to, 0); int result = REAL(link)(from, to); DONE(result); }
int unlink(const char *path) { ON_PATH(unlink, path, 0); int result = REAL(unlink)(path); DONE(result); }
int unlinkat(int base, const char *path, int flags) {
    ON_PATH(unlinkat, path, 0);
    int result = REAL(unlinkat)(base, path, flags);
    DONE(result);
}
int mkdir(const char *path, mode_t rights) { ON_PATH(mkdir, path, 0); int result = REAL(mkdir)(path, rights); DONE(result); }
