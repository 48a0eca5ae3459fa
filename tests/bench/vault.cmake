farkeep_bench(vault SOURCES vault_bench.cpp LINKS farkeep::vault)
