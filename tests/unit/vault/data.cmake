farkeep_test(vault_data
  SOURCES segment_test.cpp index_test.cpp vault_test.cpp vault_commit_test.cpp vault_crash_test.cpp vault_rot_test.cpp
          vaults_test.cpp ${PROJECT_SOURCE_DIR}/tests/sim/sim_disk.cpp
  LINKS farkeep::vault farkeep_sim)
