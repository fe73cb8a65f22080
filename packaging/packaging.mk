# Installing, and the packages that are made of it; docs/how-to/install.md has what each is for. Included by the Makefile.
#
#   make install [PREFIX=/usr/local] [DESTDIR=] [MODULES="gcc/12 openmpi/4.1"]    and make uninstall, likewise
#   make dist        build/dist/linnet-VERSION.tar.gz, which builds without git; the same bytes each time
#   make deb         build/deb/linnet_VERSION-1_ARCH.deb for the Debian that this machine has

INSTALL ?= install
STRIP   ?= strip
BINDIR    := $(DESTDIR)$(PREFIX)/bin
MANDIR    := $(DESTDIR)$(PREFIX)/share/man/man1
BASHDIR   := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR    := $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISHDIR   := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
DOCDIR    := $(DESTDIR)$(PREFIX)/share/doc/linnet
SHAREDIR  := $(DESTDIR)$(PREFIX)/share/linnet
MODULEDIR := $(DESTDIR)$(PREFIX)/share/modulefiles/linnet
# The modules that `module load linnet` loads first: those of the MPI library and the others that it was built with.
MODULES   ?=

# What a user runs or starts from; the other scripts belong to the development of linnet.
USER_SCRIPTS := $(wildcard scripts/*.sbatch scripts/*.pbs scripts/*.lsf) \
                $(addprefix scripts/,lib.sh batch.sh mpirun.sh quickstart.sh make_sample.py sample_tweets.py download_gpt2.py)

# Others may read what root with a umask of 077 installs.
public = umask 022;
# Files into a folder; one that starts with #! gets its run bit.
install_files = for file in $(1); do mode=644; [ "$$(head -c 2 $$file)" != '\#!' ] || mode=755; $(INSTALL) -m $$mode $$file $(2) || exit 1; done

.PHONY: install uninstall dist deb
install: all
	$(public) $(INSTALL) -d $(BINDIR) $(MANDIR) $(BASHDIR) $(ZSHDIR) $(FISHDIR) $(DOCDIR) $(MODULEDIR) $(SHAREDIR)/scripts $(SHAREDIR)/config $(SHAREDIR)/hosts
	$(INSTALL) -s $(if $(filter-out strip,$(STRIP)),--strip-program='$(STRIP)') -m 755 $(BUILD)/linnet $(BINDIR)/linnet
	ln -sf ../share/linnet/scripts/quickstart.sh $(BINDIR)/linnet-quickstart
	$(public) $(BUILD)/linnet man --quiet --output $(MANDIR)
	$(INSTALL) -m 644 packaging/linnet-quickstart.1 $(MANDIR)
	$(public) $(BUILD)/linnet completions bash > $(BASHDIR)/linnet
	$(public) $(BUILD)/linnet completions zsh > $(ZSHDIR)/_linnet
	$(public) $(BUILD)/linnet completions fish > $(FISHDIR)/linnet.fish
	$(INSTALL) -m 644 README.md LICENSE CONTRIBUTING.md CITATION.cff CHANGELOG.md $(DOCDIR)
	@$(public) for file in $$(find docs -type f); do $(INSTALL) -D -m 644 $$file $(DOCDIR)/$$file || exit 1; done
	@$(call install_files,$(USER_SCRIPTS),$(SHAREDIR)/scripts)
	@$(call install_files,$(wildcard config/*.json),$(SHAREDIR)/config)
	@$(call install_files,$(wildcard hosts/*),$(SHAREDIR)/hosts)
	$(public) sed 's|@prefix@|$(PREFIX)|; s|@version@|$(VERSION)|; s|@modules@|$(strip $(MODULES))|' packaging/modulefile.in > $(MODULEDIR)/$(VERSION)
uninstall:
	rm -rf $(BINDIR)/linnet $(BINDIR)/linnet-quickstart $(DOCDIR) $(SHAREDIR) $(MODULEDIR)/$(VERSION)
	rm -f $(MANDIR)/linnet.1 $(MANDIR)/linnet-*.1 $(BASHDIR)/linnet $(ZSHDIR)/_linnet $(FISHDIR)/linnet.fish
	-[ ! -d $(MODULEDIR) ] || rmdir --ignore-fail-on-non-empty $(MODULEDIR)

dist:
	packaging/dist.sh $(VERSION) $(RELEASED)
deb: dist
	packaging/deb.sh $(VERSION) $(RELEASED)
