farkeep_test(vault_data
  SOURCES segment_test.cpp index_test.cpp vault_test.cpp vault_commit_test.cpp vault_crash_test.cpp vault_rot_test.cpp closure_test.cpp vault_cost_test.cpp
          vaults_test.cpp copies_test.cpp disk_watch_test.cpp
  LINKS farkeep::vault farkeep_sim)
farkeep_test(vault_versions
  SOURCES store_versions_test.cpp
  LINKS farkeep::agent farkeep::vault farkeep_sim)
