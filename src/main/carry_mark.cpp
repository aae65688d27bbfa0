#include "main/carry_mark.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/json.hpp"

namespace herald {
namespace {

std::optional<CarryMark> read_mark(const Json* json) {
    if (!json) return std::nullopt;
    CarryMark mark;
    mark.to = std::string(json->text("to"));
    mark.begun_at = parse_rfc3339(json->text("begun_at")).value_or(TimePoint{});
    mark.finished_at = parse_rfc3339(json->text("finished_at"));
    return mark;
}

void write_mark(JsonWriter& out, std::string_view name, const std::optional<CarryMark>& mark) {
    if (!mark) return;
    out.key(name).begin_object().member("to", mark->to).member("begun_at", to_rfc3339(mark->begun_at));
    if (mark->finished_at) out.member("finished_at", to_rfc3339(*mark->finished_at));
    out.end_object();
}

Status failure(const std::filesystem::path& path) {
    return fail(ErrorCode::unavailable,
                fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
}

Status sync(const std::filesystem::path& path, int flags) {
    const int file = ::open(path.c_str(), flags | O_CLOEXEC);
    if (file < 0) return failure(path);
    const bool synced = ::fsync(file) == 0;
    ::close(file);
    return synced ? Status{} : failure(path);
}

}  // namespace

Result<CarryMarks> CarryMarks::read(const std::filesystem::path& folder) {
    const auto path = folder / kFile;
    if (!std::filesystem::exists(path)) return CarryMarks{};
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    const auto json = Json::parse(text.str());
    if (!json || !json->as_object()) {
        return fail(ErrorCode::invalid, fmt::format("{} cannot be read: the data folder was carried over "
                                                    "to an engine, or was about to be",
                                                    path.string()));
    }
    return CarryMarks{read_mark(json->find("store")), read_mark(json->find("log"))};
}

Status CarryMarks::write(const std::filesystem::path& folder) const {
    JsonWriter out;
    out.begin_object();
    write_mark(out, "store", store);
    write_mark(out, "log", log);
    out.end_object();
    const auto path = folder / kFile;
    auto draft = path;
    draft += ".new";
    if (!(std::ofstream(draft) << out.text() << '\n' << std::flush)) return failure(draft);
    if (auto status = sync(draft, O_RDONLY); !status) return status;
    if (std::rename(draft.c_str(), path.c_str()) != 0) return failure(path);
    return sync(folder, O_RDONLY | O_DIRECTORY);
}

}  // namespace herald
