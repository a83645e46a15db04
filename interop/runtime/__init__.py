"""Starts and stops it all: engine, links, requests, servers."""
