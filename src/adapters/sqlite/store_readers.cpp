#include "adapters/sqlite/store_readers.hpp"

namespace herald::sqlite {

Result<std::unique_ptr<Readers>> Readers::open(const DatabaseOptions& writer, int count) {
    std::unique_ptr<Readers> pool(new Readers());
    for (int i = 0; i < count; ++i) {
        auto options = writer;
        options.query_only = true;
        options.cache_kib = 2 * 1024;
        auto database = Database::open(options);
        if (!database) return fail(database.error());
        pool->free_.push_back(database->get());
        pool->all_.push_back(*std::move(database));
    }
    return pool;
}

Readers::Loan Readers::borrow() {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [&] { return !free_.empty(); });
    Database& database = *free_.back();
    free_.pop_back();
    return Loan(*this, database);
}

void Readers::give_back(Database& database) {
    {
        std::lock_guard lock(mutex_);
        free_.push_back(&database);
    }
    returned_.notify_one();
}

}  // namespace herald::sqlite
