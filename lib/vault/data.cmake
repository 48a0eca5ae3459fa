# What a vault is and keeps (LOCKING.md).
set(FARKEEP_VAULT_DATA
  checksum.cpp layout.cpp segment.cpp small_object.cpp
  index_table.cpp index_table_writer.cpp index_list.cpp segments.cpp chunk_index.cpp index_files.cpp
  complete_nodes.cpp closure.cpp segment_writer.cpp
  vault.cpp vault_open.cpp vault_commit.cpp vault_read.cpp vaults.cpp)
