farkeep_bench(chunk SOURCES chunk_bench.cpp LINKS farkeep::chunk)
