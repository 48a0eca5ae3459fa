farkeep_test(vault_serve
  SOURCES registry_pair_test.cpp
          registry_test.cpp identity_test.cpp guests_test.cpp session_test.cpp unusable_test.cpp mirror_test.cpp junk_first_test.cpp clock_guard_test.cpp directory_test.cpp memory_test.cpp standing_test.cpp alarms_test.cpp mirror_watch_test.cpp
  LINKS farkeep::vault farkeep_sim_net)
