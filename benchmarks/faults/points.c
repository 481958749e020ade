/* Loaded before libc (LD_PRELOAD): counts the changes of files below one folder, and at the n-th of
 * them kills the process (SIGKILL) or stops it (SIGSTOP). A write that is killed is done by half.
 * What any library does is seen here, whether it is Python, Rust, Arrow or SQLite. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct points {
    long count, at, signal;
    char below[1024]; /* empty: nothing is counted */
    char last[256];   /* the change that was stopped at */
    long renames, renamed[256]; /* which changes give a file or a folder its name */
};
static struct points *points;

/* Shared with the processes that are forked, so that the parent reads what they counted. */
__attribute__((constructor)) static void begin(void) {
    points = mmap(0, sizeof *points, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

struct points *abag_points(void) { return points; }

static int is_below(const char *path) {
    return !strncmp(path, points->below, strlen(points->below));
}

/* Whether the process must end at this change; returns at once where it is none of ours. */
static int here(const char *what, const char *path) {
    char full[4096];
    if (!points->below[0] || !path) return 0;
    if (path[0] != '/') {
        char where[2048];
        if (!getcwd(where, sizeof where)) return 0;
        snprintf(full, sizeof full, "%s/%s", where, path);
        path = full;
    }
    if (!is_below(path)) return 0;
    long count = __sync_add_and_fetch(&points->count, 1);
    if (!strncmp(what, "rename", 6) && points->renames < 256)
        points->renamed[points->renames++] = count;
    if (count != points->at) return 0;
    snprintf(points->last, sizeof points->last, "%s %s", what, path + strlen(points->below));
    if (points->signal == SIGKILL) return 1;
    raise(points->signal);
    return 0;
}

static int here_open(const char *what, int file) {
    char name[64], path[2048];
    if (!points->below[0] || file < 3) return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length < 0 || path[0] != '/') return 0; /* a pipe or the wake-up of a thread, no file */
    path[length] = 0;
    return here(what, path);
}

static void end(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

#define REAL(name) (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int file, const void *content, size_t length) {
    static __typeof__(&write) real;
    if (!real) real = REAL(write);
    if (here_open("write", file)) {
        real(file, content, length / 2);
        end();
    }
    return real(file, content, length);
}

ssize_t pwrite64(int file, const void *content, size_t length, off64_t at) {
    static __typeof__(&pwrite64) real;
    if (!real) real = REAL(pwrite64);
    if (here_open("pwrite", file)) {
        real(file, content, length / 2, at);
        end();
    }
    return real(file, content, length, at);
}
ssize_t pwrite(int file, const void *content, size_t length, off_t at) {
    return pwrite64(file, content, length, at);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    static __typeof__(&writev) real;
    if (!real) real = REAL(writev);
    if (here_open("writev", file)) {
        real(file, parts, count / 2);
        end();
    }
    return real(file, parts, count);
}

#define ON_PATH(name, parameters, arguments, path) \
    int name parameters { \
        static __typeof__(&name) real; \
        if (!real) real = REAL(name); \
        if (here(#name, path)) end(); \
        return real arguments; \
    }
#define ON_FILE(name, parameters, arguments) \
    int name parameters { \
        static __typeof__(&name) real; \
        if (!real) real = REAL(name); \
        if (here_open(#name, file)) end(); \
        return real arguments; \
    }

ON_PATH(rename, (const char *from, const char *to), (from, to), to)
ON_PATH(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), to)
ON_PATH(link, (const char *from, const char *to), (from, to), to)
ON_PATH(unlink, (const char *path), (path), path)
ON_PATH(rmdir, (const char *path), (path), path)
ON_PATH(mkdir, (const char *path, mode_t mode), (path, mode), path)
ON_FILE(fsync, (int file), (file))
ON_FILE(fdatasync, (int file), (file))
ON_FILE(ftruncate64, (int file, off64_t length), (file, length))
ON_FILE(ftruncate, (int file, off_t length), (file, length))

/* shutil.rmtree removes what it finds in open folders. */
int unlinkat(int folder, const char *path, int flags) {
    static __typeof__(&unlinkat) real;
    if (!real) real = REAL(unlinkat);
    if (folder == AT_FDCWD ? here("unlinkat", path) : here_open("unlinkat", folder)) end();
    return real(folder, path, flags);
}

#define CHANGES(flags) ((flags) & (O_CREAT | O_TRUNC))
#define MODE(flags, mode) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open64(const char *path, int flags, ...) {
    static __typeof__(&open64) real;
    MODE(flags, mode)
    if (!real) real = REAL(open64);
    if (CHANGES(flags) && here("open", path)) end();
    return real(path, flags, mode);
}
int open(const char *path, int flags, ...) {
    MODE(flags, mode)
    return open64(path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
    static __typeof__(&openat) real;
    MODE(flags, mode)
    if (!real) real = REAL(openat);
    if (CHANGES(flags) && here("openat", path)) end();
    return real(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
    static __typeof__(&openat64) real;
    MODE(flags, mode)
    if (!real) real = REAL(openat64);
    if (CHANGES(flags) && here("openat", path)) end();
    return real(folder, path, flags, mode);
}
