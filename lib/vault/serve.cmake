# Who may do what with a vault, over which protocol.
set(FARKEEP_VAULT_SERVE
  alarm_text.cpp alarms.cpp directory.cpp failure_limit.cpp identity.cpp mirror.cpp mirror_push.cpp receipts.cpp registration.cpp registry.cpp
  registry_sync.cpp server.cpp server_metrics.cpp session.cpp session_pair.cpp session_vault.cpp snapshot_push.cpp standing.cpp)
