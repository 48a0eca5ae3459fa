farkeep_test(peer SOURCES peer_test.cpp segment_dialer_test.cpp LINKS farkeep::transport farkeep_sim)
