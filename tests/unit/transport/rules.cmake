farkeep_test(firewall_rules SOURCES firewall_rules_test.cpp firewall_rules_golden_test.cpp LINKS farkeep::transport)
