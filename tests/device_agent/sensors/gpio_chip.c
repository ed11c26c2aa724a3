/* A GPIO chip for tests, where the kernel has none: preloaded, it answers for /dev/gpiochip0 as the kernel's
 * character device would (uapi v2, linux/gpio.h), so that the real library runs on it.
 *
 * In $GPIO_CHIP: level-N holds the level of line N ("1": high), out-N gets each level that is driven, line-N
 * is a queue of struct gpio_v2_line_event, requests gets a line for each request, busy-N makes a line busy.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define CHIP "/dev/gpiochip0"
#define LINES 8
#define FDS 256

static int is_chip[FDS], line_of[FDS];
static __u64 flags_of[FDS];

static const char *in_state(const char *name, int line)
{
    static _Thread_local char path[4096];
    snprintf(path, sizeof path, line < 0 ? "%s/%s" : "%s/%s-%d", getenv("GPIO_CHIP"), name, line);
    return path;
}

static void note(const char *name, int line, const char *text)
{
    FILE *file = fopen(in_state(name, line), "a");
    if (file) {
        fputs(text, file);
        fclose(file);
    }
}

static int a_device(struct stat *st)
{
    memset(st, 0, sizeof *st);
    st->st_mode = S_IFCHR | 0600;
    st->st_rdev = makedev(254, 0);
    return 0;
}

#define STAT(name)                                                            \
    int name(const char *path, struct stat *st)                               \
    {                                                                         \
        if (!strcmp(path, CHIP))                                      \
            return a_device(st);                                              \
        return ((int (*)(const char *, struct stat *))dlsym(RTLD_NEXT, #name))(path, st); \
    }
#define XSTAT(name, own)                                                      \
    int name(int version, const char *path, struct stat *st)                  \
    {                                                                         \
        (void)version;                                                        \
        return own(path, st);                                                 \
    }
STAT(stat)
STAT(lstat)
XSTAT(__xstat, stat)
XSTAT(__lxstat, lstat)
XSTAT(__xstat64, stat)
XSTAT(__lxstat64, lstat)

char *realpath(const char *path, char *to)
{
    if (!strcmp(path, "/sys/dev/char/254:0/subsystem"))
        return to ? strcpy(to, "/sys/bus/gpio") : strdup("/sys/bus/gpio");
    return ((char *(*)(const char *, char *))dlsym(RTLD_NEXT, "realpath"))(path, to);
}
char *__realpath_chk(const char *path, char *to, size_t size)
{
    (void)size;
    return realpath(path, to);
}

static int open_it(const char *name, const char *path, int flags, int mode)
{
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    if (strcmp(path, CHIP))
        return real(path, flags, mode);
    int fd = real("/dev/null", O_RDWR | O_CLOEXEC, 0);
    if (fd >= 0 && fd < FDS)
        is_chip[fd] = 1;
    return fd;
}
#define OPEN(name)                                                            \
    int name(const char *path, int flags, ...)                                \
    {                                                                         \
        va_list more;                                                         \
        va_start(more, flags);                                                \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;     \
        va_end(more);                                                         \
        return open_it(#name, path, flags, mode);                             \
    }
OPEN(open)
OPEN(open64)

int close(int fd)
{
    if (fd >= 0 && fd < FDS)
        is_chip[fd] = 0, flags_of[fd] = 0;
    return ((int (*)(int))dlsym(RTLD_NEXT, "close"))(fd);
}

static void drive(int fd, int is_active)
{
    int is_low = (flags_of[fd] & GPIO_V2_LINE_FLAG_ACTIVE_LOW) != 0;
    note("out", line_of[fd], is_active != is_low ? "1" : "0");
}

static int request(struct gpio_v2_line_request *asked)
{
    int line = (int)asked->offsets[0];
    __u64 flags = asked->config.flags, initial = 0;
    unsigned debounce_us = 0;
    if (line >= LINES || asked->num_lines != 1)
        return errno = EINVAL, -1;
    if (!access(in_state("busy", line), F_OK))
        return errno = EBUSY, -1;
    for (unsigned n = 0; n < asked->config.num_attrs; n++) {
        struct gpio_v2_line_attribute *attr = &asked->config.attrs[n].attr;
        if (attr->id == GPIO_V2_LINE_ATTR_ID_FLAGS)
            flags = attr->flags;
        if (attr->id == GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES)
            initial = attr->values;
        if (attr->id == GPIO_V2_LINE_ATTR_ID_DEBOUNCE)
            debounce_us = attr->debounce_period_us;
    }
    mkfifo(in_state("line", line), 0600);
    int fd = open(in_state("line", line), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fd >= FDS)
        return errno = EMFILE, -1;
    line_of[fd] = line;
    flags_of[fd] = flags | (1ULL << 63);
    char text[200];
    snprintf(text, sizeof text, "line=%d flags=%#llx debounce_us=%u by=%s\n", line,
             (unsigned long long)flags, debounce_us, asked->consumer);
    note("requests", -1, text);
    if (flags & GPIO_V2_LINE_FLAG_OUTPUT)
        drive(fd, initial & 1);
    asked->fd = fd;
    return 0;
}

static int level(int fd)
{
    FILE *file = fopen(in_state("level", line_of[fd]), "r");
    if (!file)
        return 0;
    int is_high = fgetc(file) == '1';
    fclose(file);
    return is_high != ((flags_of[fd] & GPIO_V2_LINE_FLAG_ACTIVE_LOW) != 0);
}

int ioctl(int fd, unsigned long what, ...)
{
    va_list more;
    va_start(more, what);
    void *arg = va_arg(more, void *);
    va_end(more);
    what &= 0xffffffff; /* some callers widen it with its sign */
    if (fd >= 0 && fd < FDS && is_chip[fd]) {
        if (what == GPIO_GET_CHIPINFO_IOCTL) {
            struct gpiochip_info *info = arg;
            memset(info, 0, sizeof *info);
            strcpy(info->name, "gpiochip0");
            strcpy(info->label, "test");
            info->lines = LINES;
            return 0;
        }
        if (what == GPIO_V2_GET_LINEINFO_IOCTL) {
            struct gpio_v2_line_info *info = arg;
            __u32 offset = info->offset;
            memset(info, 0, sizeof *info);
            info->offset = offset;
            return offset < LINES ? 0 : (errno = EINVAL, -1);
        }
        if (what == GPIO_V2_GET_LINE_IOCTL)
            return request(arg);
        return errno = ENOTTY, -1;
    }
    if (fd >= 0 && fd < FDS && flags_of[fd]) {
        struct gpio_v2_line_values *values = arg;
        if (what == GPIO_V2_LINE_GET_VALUES_IOCTL)
            return values->bits = (__u64)level(fd) & values->mask, 0;
        if (what == GPIO_V2_LINE_SET_VALUES_IOCTL && (flags_of[fd] & GPIO_V2_LINE_FLAG_OUTPUT))
            return drive(fd, (int)(values->bits & values->mask & 1)), 0;
        return errno = EPERM, -1;
    }
    return ((int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl"))(fd, what, arg);
}
