/* The wall clock of one process, off by CLOCK_SKEW_MS: `cc -shared -fPIC`, then LD_PRELOAD. What the process reads is
 * shifted, a deadline that it gives by the wall clock is shifted back, and all other clocks are left alone.
 * (libfaketime 0.9.10 gives cnd_timedwait, and condition variables on the monotonic clock, wrong deadlines.) */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum { kMsPerS = 1000, kNsPerMs = 1000000, kNsPerS = 1000000000 };

static long skew_ms;

__attribute__((constructor)) static void read_skew(void) {
    const char* text = getenv("CLOCK_SKEW_MS");
    skew_ms = text ? atol(text) : 0;
}

static struct timespec shifted(struct timespec time, long by_ms) {
    time.tv_sec += by_ms / kMsPerS;
    time.tv_nsec += by_ms % kMsPerS * kNsPerMs;
    if (time.tv_nsec >= kNsPerS) time.tv_sec += 1, time.tv_nsec -= kNsPerS;
    if (time.tv_nsec < 0) time.tv_sec -= 1, time.tv_nsec += kNsPerS;
    return time;
}

int clock_gettime(clockid_t clock, struct timespec* time) {
    const int failed = (int)syscall(SYS_clock_gettime, clock, time);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) *time = shifted(*time, skew_ms);
    return failed;
}

int gettimeofday(struct timeval* time, void* zone) {
    (void)zone;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t* out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec* time, int base) {
    return base == TIME_UTC && !clock_gettime(CLOCK_REALTIME, time) ? base : 0;
}

/* The machine has not been up since 2001. */
static int is_wall(const struct timespec* deadline) { return deadline->tv_sec > 1000000000; }

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const struct timespec* deadline) {
    if (!is_wall(deadline)) return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, deadline);
    const struct timespec real = shifted(*deadline, -skew_ms);
    return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, &real);
}

int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const struct timespec* deadline) {
    static int (*real_wait)(cnd_t*, mtx_t*, const struct timespec*);
    if (!real_wait) real_wait = (int (*)(cnd_t*, mtx_t*, const struct timespec*))dlsym(RTLD_NEXT, "cnd_timedwait");
    const struct timespec real = shifted(*deadline, -skew_ms);
    return real_wait(condition, mutex, &real);
}
