# Who may do what with a vault, over which protocol.
set(FARKEEP_VAULT_SERVE
  admission.cpp alarm_text.cpp alarms.cpp audit_log.cpp clock_guard.cpp damage_watch.cpp directory.cpp disk_watch.cpp failure_limit.cpp guests.cpp identity.cpp identity_keys.cpp mirror.cpp mirror_push.cpp mirror_watch.cpp receipts.cpp registration.cpp registry.cpp aside_orders.cpp
  registry_sync.cpp registry_visits.cpp server.cpp server_metrics.cpp session.cpp session_pair.cpp session_put.cpp session_vault.cpp snapshot_push.cpp snapshot_push_compare.cpp standing.cpp unusable_copies.cpp
  known_keys.cpp registry_damage.cpp registry_entry.cpp registry_file.cpp registry_known.cpp registry_signed.cpp registry_take.cpp registry_words.cpp)
