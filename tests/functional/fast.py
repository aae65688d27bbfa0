"""Settings for tests that provoke failures."""

# Retries within the patience of a test. A provider gets a second, which a busy machine does not use up by itself.
FAST = dict(
    HERALD_RECONCILE_PUSH_S=0, HERALD_RECONCILE_SMS_S=0, HERALD_RECONCILE_EMAIL_S=0, HERALD_RETRY_BASE_MS=50,
    HERALD_RETRY_CAP_MS=400, HERALD_APNS_CALL_DEADLINE_MS=1_000, HERALD_FCM_CALL_DEADLINE_MS=1_000,
    HERALD_TWILIO_CALL_DEADLINE_MS=1_000, HERALD_SENDGRID_CALL_DEADLINE_MS=1_000, HERALD_RETRY_LIMIT=40,
)
