#include "base/thread_name.hpp"

#include <pthread.h>

#include <array>
#include <thread>

namespace herald {
namespace {

TEST(ThreadName, IsWhatTheKernelShows) {
    std::array<char, 16> shown{};
    std::thread([&] {
        name_this_thread("sender.push.apns.critical");
        pthread_getname_np(pthread_self(), shown.data(), shown.size());
    }).join();
    EXPECT_STREQ(shown.data(), fit_thread_name("sender.push.apns.critical").c_str());
}

TEST(ThreadName, StaysWholeWhereItFits) {
    EXPECT_EQ(fit_thread_name("housekeeper"), "housekeeper");
    EXPECT_EQ(fit_thread_name("sender.sms.bulk"), "sender.sms.bulk");
}

TEST(ThreadName, KeepsSomethingOfEveryPart) {
    EXPECT_EQ(fit_thread_name("planner.critical"), "planner.critica");
    EXPECT_EQ(fit_thread_name("sender.push.apns.critical"), "sen.pus.apn.cri");
    EXPECT_EQ(fit_thread_name("simulator.sendgrid"), "simulat.sendgri");
}

TEST(ThreadName, IsCutEvenWithoutParts) {
    EXPECT_EQ(fit_thread_name("averyveryverylongname"), "averyveryverylo");
}

}  // namespace
}  // namespace herald
