#!/bin/sh
# Brings the database up to date, then makes the page that the web server shows. Doing it again does no harm.
set -eu
psql --quiet --set ON_ERROR_STOP=1 <<-'SQL'
	SET client_min_messages = warning;
	CREATE TABLE IF NOT EXISTS start (at timestamptz NOT NULL DEFAULT now());
	INSERT INTO start DEFAULT VALUES;
SQL
page=$(mktemp /srv/www/page.XXXXXX)
chmod 644 "$page"
psql --tuples-only --no-align --command "SELECT 'This stack has been started ' || count(*) || ' times.' FROM start" >"$page"
mv "$page" /srv/www/index.html
