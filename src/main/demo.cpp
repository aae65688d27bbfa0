#include "main/demo.hpp"

namespace herald {
namespace {

constexpr const char* kNote = "demo";

constexpr const char* kTemplate = R"json({
  "id": "welcome",
  "category": "transactional",
  "channels": {
    "push": {
      "title": "Welcome, {{ username }}!",
      "body": "Good to have you with us.",
      "data": {"screen": "home"}
    },
    "sms": {"body": "Welcome, {{ username }}! Good to have you with us."},
    "email": {
      "subject": "Welcome, {{ username }}",
      "html": "<h1>Welcome, {{ username }}!</h1><p>Good to have you with us.</p>",
      "text": "Welcome, {{ username }}!\n\nGood to have you with us.\n"
    }
  }
})json";

User demo_user(TimePoint now) {
    User user;
    user.id = UserId("user123");
    user.email = "user123@example.com";
    user.phone = "+14155550123";
    user.locale = "en";
    user.timezone = "Europe/Paris";
    user.devices = {
        {Platform::ios, "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90", now},
        {Platform::android, "demo-android:APA91bHun4MxP5egoKMwt2KZFBaFUH1RYqx7dHkq3vZpQz8xTg", now},
    };
    return user;
}

}  // namespace

Status write_demo(Store& store, TimePoint now) {
    const auto note = store.get_note(kNote);
    if (!note) return fail(note.error());
    if (*note) return {};
    if (auto status = store.put_user(default_tenant(), demo_user(now), now); !status) return status;
    const auto version = store.put_template(default_tenant(), TemplateId("welcome"), kTemplate, now);
    if (!version) return fail(version.error());
    return store.put_note(kNote, "user123 welcome");
}

}  // namespace herald
