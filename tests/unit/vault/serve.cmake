farkeep_test(vault_serve
  SOURCES registry_test.cpp identity_test.cpp session_test.cpp mirror_test.cpp directory_test.cpp memory_test.cpp standing_test.cpp alarms_test.cpp ${PROJECT_SOURCE_DIR}/tests/sim/sim_disk.cpp
  LINKS farkeep::vault farkeep_sim_net)
