"""How AWS answers, whatever it is asked: late, in pages, within quotas, and in words only when that was the wish."""
