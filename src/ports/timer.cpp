#include "ports/timer.hpp"

namespace herald {

std::string_view to_string(TimerKind kind) {
    switch (kind) {
        case TimerKind::retry:
            return "retry";
        case TimerKind::step:
            return "continue";
        case TimerKind::lease:
            return "lease";
        case TimerKind::parked:
            return "parked";
    }
    return "retry";
}

}  // namespace herald
