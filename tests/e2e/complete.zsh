# What zsh completes: zsh -f complete.zsh FOLDER LINE FILE writes the matches for the line to the file, one a line.
# FOLDER holds the function _linnet. An interactive zsh in a terminal of its own gets the line and a tab; its compadd
# notes what it is given, and the shell ends behind the completion.
zmodload zsh/zpty
export FOLDER=$1 MATCHES=$3
zpty shell zsh -f -i
zpty -w shell 'PROMPT=; unsetopt zle_bracketed_paste prompt_cr; fpath=($FOLDER $fpath); autoload -Uz compinit; compinit -u -D
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
  local -a matches
  builtin compadd -A matches "$@"
  print -rl -- $matches >> $MATCHES
  builtin compadd "$@"
}
leave() { exit }
comppostfuncs=(leave)
bindkey "^I" complete-word
print RE""ADY'
while zpty -r shell output; do [[ $output = *READY* ]] && break; done
zpty -w -n shell "$2"$'\t'
while zpty -r shell output; do :; done
