farkeep_test(peer SOURCES pace_test.cpp peer_test.cpp segment_dialer_test.cpp LINKS farkeep::transport farkeep_sim)
