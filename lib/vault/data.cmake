# What a vault is and keeps (LOCKING.md).
set(FARKEEP_VAULT_DATA
  checksum.cpp place.cpp layout.cpp segment.cpp small_object.cpp
  index_table.cpp index_table_writer.cpp index_list.cpp segments.cpp chunk_index.cpp chunk_index_find.cpp index_files.cpp
  complete_nodes.cpp node_set.cpp vault_cost.cpp vault_aside.cpp vault_slots.cpp copies.cpp reported.cpp closure.cpp segment_writer.cpp
  vault.cpp vault_open.cpp vault_commit.cpp vault_read.cpp vault_copies.cpp vault_partner.cpp vault_receipts.cpp receipt_facts.cpp vaults.cpp)
