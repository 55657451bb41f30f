# The documents printed from the schema tables.
DOC_SRC := $(wildcard tools/schema_doc*.c) common/msg/messages.c common/msg/interfaces.c \
           common/msg/schema.c common/msg/permission.c common/base/text.c common/base/date.c

$(BUILD)/schema-doc: $(call obj,$(DOC_SRC))
	$(CC) $(LDFLAGS_ALL) $^ -ljansson -o $@

docs: $(BUILD)/schema-doc ## print the pages of methods and roles, and the AsyncAPI document
	$< markdown > docs/protocol-methods.md
	$< roles > docs/roles.md
	$< asyncapi > docs/asyncapi.json
docs-check: $(BUILD)/schema-doc ## fail if the printed documents are stale
	@mkdir -p $(BUILD)/docs
	@$< markdown > $(BUILD)/docs/protocol-methods.md
	@$< roles > $(BUILD)/docs/roles.md
	@$< asyncapi > $(BUILD)/docs/asyncapi.json
	@for f in protocol-methods.md roles.md asyncapi.json; do \
	    cmp -s $(BUILD)/docs/$$f docs/$$f || { echo "docs/$$f is stale: run make docs"; exit 1; }; \
	done
.PHONY: docs docs-check
