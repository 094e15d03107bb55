/* The bytes of a regular file, read at once; not on Windows, whose names are not bytes. */
#ifndef WAVENETLITE_WHOLE_FILE_H
#define WAVENETLITE_WHOLE_FILE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
static inline int64_t whole_file_open(const char *path, int64_t most, int *descriptor) { (void)path; (void)most; *descriptor = -1; return -1; }
static inline int64_t whole_file_read(int descriptor, uint8_t *data, int64_t size) { (void)descriptor; (void)data; (void)size; return -1; }
#else
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Open a file; its size, or -1 if it is not a regular file of at most `most` bytes. A pipe is not waited for. */
static inline int64_t whole_file_open(const char *path, int64_t most, int *descriptor) {
    struct stat found;
    *descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (*descriptor < 0) return -1;
    if (fstat(*descriptor, &found) == 0 && S_ISREG(found.st_mode) && found.st_size <= most) return (int64_t)found.st_size;
    close(*descriptor);
    return -1;
}

/* Read `size` bytes and close the file; -1 if it has another size. `data` has room for one byte more. */
static inline int64_t whole_file_read(int descriptor, uint8_t *data, int64_t size) {
    int64_t done = 0;
    while (done <= size) {
        ssize_t got = read(descriptor, data + done, (size_t)(size + 1 - done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            if (got < 0) done = -1;
            break;
        }
        done += got;
    }
    close(descriptor);
    return done == size ? done : -1;
}
#endif

#endif
