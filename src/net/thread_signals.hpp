#pragma once

#include <pthread.h>

#include <csignal>

namespace herald::net {

/// Signals belong to the main thread. SIGPIPE, which OpenSSL's writes raise, is sent to the thread that wrote
/// and vanishes here.
inline void block_signals_on_this_thread() {
    sigset_t all;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) sigdelset(&all, fault);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace herald::net
